package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/images"
	"github.com/silo-os/silo/images/disk"
	"github.com/silo-os/silo/images/oci"
)

// format is a form in which silo build writes an image. write returns a line that says what was made besides
// the image's own files; "" = nothing was.
type format struct {
	name, what string
	write      func(ctx context.Context, img *images.Image, out string, ip *disk.Network) (string, error)
}

var formats = []format{
	{"dir", "a folder with kernel, archive and manifest", writeDir},
	{"oci", "a folder that is an OCI layout, as skopeo and others copy", writeOCI},
	{"disk", "a raw disk that boots without silo, with fixed memory, and without a network unless --ip says so", writeDisk},
}

func writeDir(_ context.Context, img *images.Image, out string, _ *disk.Network) (string, error) {
	_, err := img.CopyTo(out)
	return "", err
}

func writeOCI(_ context.Context, img *images.Image, out string, _ *disk.Network) (string, error) {
	digest, err := oci.WriteLayout(img, out)
	return "OCI image " + digest, err
}

func writeDisk(ctx context.Context, img *images.Image, out string, ip *disk.Network) (string, error) {
	if err := disk.Write(ctx, img, out, disk.Config{Network: ip}); err != nil {
		return "", err
	}
	info, err := os.Stat(out)
	if err != nil {
		return "", fmt.Errorf("write disk: %w", err)
	}
	nic := ""
	if ip != nil {
		nic = " -nic user,model=virtio-net-pci"
	}
	return fmt.Sprintf("raw disk of %s with GRUB: qemu-system-x86_64 -m 512 -nographic -drive file=%s,format=raw%s", humanize.IBytes(uint64(info.Size())), out, nic), nil
}

// findFormat returns the format of that name.
func findFormat(name string) (format, error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}, fmt.Errorf("--format %q: use %s", name, formatNames(" or "))
	}
	return formats[i], nil
}

func formatNames(between string) string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return strings.Join(names, between)
}

func newBuild(w *world) *cobra.Command {
	var o imageOptions
	var out, as string
	var ip diskIPFlag
	var about []string
	for _, f := range formats {
		about = append(about, f.name+": "+f.what)
	}
	cmd := &cobra.Command{
		Use:   "build PKG|IMAGE -o OUT",
		Short: "Make an image of a main package",
		Long: `Make an image: the guest's kernel (built once, kept in the cache), an archive with silo's init and the
application, and a manifest with their digests. PKG is a main package of the module at hand, as the go command
names it, one of any module with a version, or a static Linux executable; an IMAGE is written in another format. The same inputs
give the same bytes.`,
		Example: "  silo build ./cmd/server -o out/server\n  silo build github.com/nats-io/nats-server/v2@latest -o out/nats\n  silo build out/server --format oci -o out/server.oci",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := findFormat(as)
			if err == nil && ip.network != nil && f.name != "disk" {
				err = fmt.Errorf("--ip and --format %s: only a disk has a network of its own; others are given one by silo run: leave --ip out", f.name)
			}
			if err == nil {
				o.manifest, err = findManifest(o.file, args[0])
			}
			if err != nil {
				return err
			}
			if o.manifest != nil && o.manifest.Refuse.Line != 0 && !o.refuseAfter.set {
				if err := o.refuseAfter.Set(o.manifest.Refuse.Value); err != nil {
					return o.manifest.Fault(o.manifest.Refuse, "refuse-after: %v", err)
				}
			}
			ctx, stop := untilSignal(cmd.Context(), w.signals)
			defer stop()
			image, err := o.image(ctx, w, args[0])
			if err != nil {
				return err
			}
			made, err := f.write(ctx, image, out, ip.network)
			if err != nil {
				return err
			}
			return tellContents(w.stdout, out, image.Manifest, made)
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringVarP(&out, "output", "o", "", "where to write the `image`")
	cmd.Flags().StringVar(&as, "format", "dir", strings.Join(about, "; "))
	cmd.Flags().Var(&ip, "ip", "with --format disk: configure the machine's first network interface; ip, gw and dns may be repeated")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is defined two lines above
	}
	return cmd
}
