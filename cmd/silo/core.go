package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/corefile"
	"github.com/silo-os/silo/host/nodeapi"
)

func newCore(w *world) *cobra.Command {
	var out string
	cmd := asking(w, "core NAME", "Write a core of a guest's program, which goes on", one, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		path := out
		if path == "" {
			path = corefile.Path("", args[0])
		}
		return writeCore(ctx, w, c, args[0], path)
	})
	cmd.Long = `Write a core of a guest's program, any program's, for a debugger: all that it has in memory, secrets too, and what each thread does. The
program stands still until the core is written, and goes on.`
	cmd.Example = "  silo core shop && dlv core shop shop.core"
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` (default NAME.core)")
	return cmd
}

// writeCore writes a core into a file, of which nothing is left unless it is whole.
func writeCore(ctx context.Context, w *world, c *nodeapi.Client, name, path string) error {
	f, err := corefile.Create(path, "another file with -o")
	if err != nil {
		return err
	}
	defer f.Abort("")
	size, err := c.Core(ctx, name, func(r nodeapi.CoreRecord) error {
		_, err := f.WriteAt(r.Data, r.Offset)
		return err
	})
	if err == nil {
		err = f.Finish(size)
	}
	if err == nil {
		fmt.Fprintln(w.stdout, path)
	}
	return err
}
