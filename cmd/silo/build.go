package main

import (
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func newBuild(w *world) *cobra.Command {
	var o imageOptions
	var out string
	cmd := &cobra.Command{
		Use:   "build PKG|DIR -o DIR",
		Short: "Make an image of a main package",
		Long: `Make an image: the guest's kernel (built once, kept in the cache), an archive with silo's init and the
application, and a manifest with their digests. PKG is a main package of the module at hand, as the go command
names it, or a static Linux executable.`,
		Example: "  silo build ./cmd/server -o out/server",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context(), w.signals)
			defer stop()
			var err error
			if o.manifest, err = findManifest(o.file, args[0]); err != nil {
				return err
			}
			if o.manifest != nil && o.manifest.Refuse.Line != 0 && !o.refuseAfter.set {
				if err := o.refuseAfter.Set(o.manifest.Refuse.Value); err != nil {
					return o.manifest.Fault(o.manifest.Refuse, "refuse-after: %v", err)
				}
			}
			image, err := o.build(ctx, w, args[0])
			if err != nil {
				return err
			}
			if image, err = image.CopyTo(out); err != nil {
				return err
			}
			m := image.Manifest
			fmt.Fprintf(w.stdout, "%s: kernel %s (%s), archive %s\n", out, m.Kernel.Version,
				humanize.IBytes(uint64(m.Kernel.Size)), humanize.IBytes(uint64(m.Initramfs.Size)))
			return nil
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringVarP(&out, "output", "o", "", "`folder` for the image")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return cmd
}
