package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"github.com/silo-os/silo/images"
)

// tellContents writes what is in an image and how large it is.
func tellContents(w io.Writer, out string, m images.Manifest, made string) error {
	size := func(n int64) string { return humanize.IBytes(uint64(n)) }
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.TabIndent)
	fmt.Fprintf(t, "%s\t%s\t%s\n", out, size(m.Kernel.Size+m.Initramfs.Size), m.Name)
	fmt.Fprintf(t, "  kernel\t%s\tLinux %s, %s\n", size(m.Kernel.Size), m.Kernel.Version, shortSum(m.Kernel.Digest))
	fmt.Fprintf(t, "  archive\t%s\t%s\n", size(m.Initramfs.Size), shortSum(m.Initramfs.Digest))
	fmt.Fprintf(t, "    /init\t%s\t%s\n", size(m.Init.Size), origin(m.Init))
	fmt.Fprintf(t, "    /app/main\t%s\t%s\n", size(m.App.Size), origin(m.App))
	if made != "" {
		fmt.Fprintf(t, "  %s\n", made)
	}
	return t.Flush()
}

// shortSum is enough of a digest to tell two apart.
func shortSum(digest string) string { return "sha256:" + digest[:min(12, len(digest))] }

// origin says where a program comes from, as far as it does itself.
func origin(p images.Program) string {
	var words []string
	for _, s := range []string{p.Package, p.Version, p.GoVersion} {
		if s != "" {
			words = append(words, s)
		}
	}
	return strings.Join(append(words, shortSum(p.BuildID)), ", ")
}
