package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

func newStack(w *world) *cobra.Command {
	var quit bool
	cmd := asking(w, "stack NAME", "Print what every goroutine of a guest's program does", one, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		if quit {
			_, err := c.Profile(ctx, args[0], hvcall.Profile{Kind: hvcall.ProfileQuit})
			if err == nil {
				fmt.Fprintf(w.stderr, "silo: sent SIGQUIT to %s; a Go program writes its stacks to its log and ends: silo logs %s\n", args[0], args[0])
			}
			return err
		}
		data, err := c.Profile(ctx, args[0], hvcall.Profile{Kind: hvcall.ProfileStack})
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return fmt.Errorf("read stacks: %w", err)
		}
		if _, err := io.Copy(w.stdout, io.LimitReader(z, mostStacks)); err != nil {
			return fmt.Errorf("read stacks: %w", err)
		}
		return nil
	})
	cmd.Long = `Print what every goroutine of a guest's program does. The program must import silo (…/runtime, or …/runtime/auto for its
effect). --quit asks any Go program by SIGQUIT instead, which ends it.`
	cmd.Flags().BoolVar(&quit, "quit", false, "send SIGQUIT: the stacks are in the guest's log then, and the program has ended")
	return cmd
}

// mostStacks bounds what a guest may have printed: it is not to be trusted with the size of what it compressed.
const mostStacks = 64 << 20

func newPprof(w *world) *cobra.Command {
	var kind, out string
	var during time.Duration
	cmd := asking(w, "pprof NAME", "Write a profile of a guest's program, for go tool pprof", one, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		p := hvcall.Profile{Kind: hvcall.ProfileKind(kind), Millis: during.Milliseconds()}
		if p.Kind == hvcall.ProfileStack || p.Kind == hvcall.ProfileQuit || p.Check() != nil {
			return fmt.Errorf("--kind %q, --for %v: kinds are %s, and times at most 5m", kind, during, profileKinds())
		}
		data, err := c.Profile(ctx, args[0], p)
		if err != nil {
			return err
		}
		if out == "" {
			out = args[0] + "-" + kind + ".pb.gz"
		}
		if err := renameio.WriteFile(out, data, 0o644); err != nil {
			return fmt.Errorf("write profile: %w", err)
		}
		fmt.Fprintln(w.stdout, out)
		return nil
	})
	cmd.Example = "  silo pprof shop --kind cpu --for 30s && go tool pprof shop-cpu.pb.gz"
	cmd.Flags().StringVar(&kind, "kind", "cpu", "`what`: "+profileKinds())
	cmd.Flags().DurationVar(&during, "for", 10*time.Second, "`time` over which the processor is profiled")
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` (default NAME-KIND.pb.gz)")
	return cmd
}

func profileKinds() string {
	var names []string
	for _, k := range hvcall.ProfileKinds {
		if k != hvcall.ProfileStack && k != hvcall.ProfileQuit {
			names = append(names, string(k))
		}
	}
	return strings.Join(names, ", ")
}
