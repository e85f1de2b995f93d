package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/silo-os/silo/images/oci"
)

func newPush(w *world) *cobra.Command {
	var o imageOptions
	cmd := &cobra.Command{
		Use:   "push PKG|IMAGE oci://REF",
		Short: "Store an image in a registry",
		Long: `Store an image in a registry as an OCI image, and print its reference by digest. The kernel is a layer of its own, which is sent
and kept once for all applications. Credentials are those of docker login.`,
		Example: "  silo push ./cmd/server oci://ghcr.io/acme/server:1.2\n  silo run oci://ghcr.io/acme/server:1.2",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context(), w.signals)
			defer stop()
			if err := oci.CheckReference(args[1]); err != nil {
				return err // before an image is built, which may take minutes
			}
			image, err := o.image(ctx, w, args[0])
			if err != nil {
				return err
			}
			digest, err := oci.Push(ctx, image, args[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(w.stdout, digest)
			return err
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func newPull(w *world) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "pull oci://REF -o DIR",
		Short:   "Bring an image from a registry into a folder",
		Example: "  silo pull oci://ghcr.io/acme/server:1.2 -o out/server",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context(), w.signals)
			defer stop()
			image, err := oci.Pull(ctx, "", args[0])
			if err != nil {
				return err
			}
			if image, err = image.CopyTo(out); err != nil {
				return err
			}
			return tellContents(w.stdout, out, image.Manifest, "")
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`folder` for the image")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return cmd
}
