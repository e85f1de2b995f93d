package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/nodeapi"
)

// asking makes a command that asks the node something.
func asking(w *world, use, short string, args cobra.PositionalArgs, run func(context.Context, *nodeapi.Client, []string) error) *cobra.Command {
	var o targetOptions
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, stop := untilSignal(cmd.Context(), w.signals)
			defer stop()
			return run(ctx, c, args)
		},
	}
	o.register(cmd.Flags(), w)
	return cmd
}

// names wants at least one guest.
func names(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("which guest? silo ps lists them")
	}
	return nil
}

func one(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("one guest is to be named; silo ps lists them")
	}
	return nil
}

// each does something to all guests named, and returns what went wrong with any.
func each(w io.Writer, args []string, do func(name string) error) error {
	var errs []error
	for _, name := range args {
		if err := do(name); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintln(w, name)
	}
	return errors.Join(errs...)
}

func newPs(w *world) *cobra.Command {
	var all, asJSON bool
	cmd := asking(w, "ps", "List the guests of the node", cobra.NoArgs, func(ctx context.Context, c *nodeapi.Client, _ []string) error {
		guests, err := c.Guests(ctx)
		if err != nil {
			return err
		}
		shown := guests[:0]
		for _, g := range guests {
			if all || g.State != nodeapi.StateEnded && g.State != nodeapi.StateMoved {
				shown = append(shown, g)
			}
		}
		if asJSON {
			return printJSON(w.stdout, shown)
		}
		fmt.Fprintln(w.stdout, guestTable(shown, time.Now()))
		return nil
	})
	cmd.Flags().BoolVarP(&all, "all", "a", false, "those that have ended, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// plainTable is a table with nothing but space between its columns.
func plainTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	return t
}

// guestTable is a line for each guest.
func guestTable(guests []nodeapi.Guest, now time.Time) string {
	t := plainTable()
	t.AppendHeader(table.Row{"name", "state", "memory", "resident", "vcpus", "restarts", "ports", "since"})
	for _, g := range guests {
		memory, resident, vcpus := "-", "-", "-"
		if u := g.Usage; u != nil {
			memory = humanize.IBytes(uint64(u.MemoryPlugged)) + " of " + humanize.IBytes(uint64(g.Spec.Memory.Max))
			vcpus = fmt.Sprintf("%g of %g", float64(u.CPUGranted)/1000, float64(g.Spec.CPU.MaxMilli)/1000)
			if u.MemoryResident >= 0 {
				resident = humanize.IBytes(uint64(u.MemoryResident))
			}
		}
		t.AppendRow(table.Row{g.Name, describe(g), memory, resident, vcpus, g.Restarts, addressList(g), since(g, now)})
	}
	return t.Render()
}

// describe is the state with what a person wants to know of it.
func describe(g nodeapi.Guest) string {
	switch {
	case g.State == nodeapi.StateRunning && g.Ready:
		return "running, ready"
	case g.State == nodeapi.StateMoved:
		return "moved to " + g.MovedTo
	case g.State == nodeapi.StateRunning && g.Move != nil && g.Move.State != "stayed":
		return "running, " + g.Move.State + " to move to " + g.Move.To
	case (g.State == nodeapi.StateEnded || g.State == nodeapi.StateBackoff) && g.Exit != nil:
		return fmt.Sprintf("%s (%d)", g.State, g.Exit.Code)
	}
	return string(g.State)
}

func since(g nodeapi.Guest, now time.Time) string {
	at := g.Created
	switch g.State {
	case nodeapi.StateRunning:
		at = g.Started
	case nodeapi.StateEnded, nodeapi.StateBackoff, nodeapi.StateMoved:
		at = g.Ended
	}
	return humanize.RelTime(at, now, "ago", "from now")
}

func newInspect(w *world) *cobra.Command {
	return asking(w, "inspect NAME", "Tell all that the node knows of a guest, as JSON", one, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		g, err := c.Guest(ctx, args[0])
		if err != nil {
			return err
		}
		return printJSON(w.stdout, g)
	})
}

func newDump(w *world) *cobra.Command {
	return asking(w, "dump", "Tell all that the broker knows, as JSON", cobra.NoArgs, func(ctx context.Context, c *nodeapi.Client, _ []string) error {
		d, err := c.Dump(ctx)
		if err != nil {
			return err
		}
		return printJSON(w.stdout, d)
	})
}

func newStop(w *world) *cobra.Command {
	var within time.Duration
	cmd := asking(w, "stop NAME...", "Ask guests to end, and kill those that do not", names, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		return each(w.stdout, args, func(name string) error {
			_, err := c.Stop(ctx, name, nodeapi.Stop{WithinMS: within.Milliseconds()})
			return err
		})
	})
	cmd.Flags().DurationVar(&within, "within", 0, "`time` for a clean end (default: the guest's --shutdown-within)")
	return cmd
}

func newKill(w *world) *cobra.Command {
	return asking(w, "kill NAME...", "End guests at once", names, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		return each(w.stdout, args, func(name string) error {
			_, err := c.Kill(ctx, name)
			return err
		})
	})
}

func newRm(w *world) *cobra.Command {
	return asking(w, "rm NAME...", "Forget guests that have ended, with their logs", names, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		return each(w.stdout, args, func(name string) error { return c.Remove(ctx, name) })
	})
}

func newLogs(w *world) *cobra.Command {
	var follow, init bool
	cmd := asking(w, "logs NAME", "Print what a guest wrote", one, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		return c.Logs(ctx, args[0], nodeapi.LogQuery{Follow: follow}, func(r nodeapi.LogRecord) error {
			return printRecord(w, r, init)
		})
	})
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the guest has ended")
	cmd.Flags().BoolVar(&init, "init", false, "the log of the guest's init, too")
	return cmd
}

// printRecord writes a record where the application wrote it.
func printRecord(w *world, r nodeapi.LogRecord, init bool) (err error) {
	switch {
	case r.Stream == "out":
		_, err = w.stdout.Write(r.Data)
	case r.Stream == "err" || init:
		_, err = w.stderr.Write(r.Data)
	}
	return err
}

func newSet(w *world) *cobra.Command {
	var memory memoryFlag
	var cpus cpusFlag
	var weight uint32
	var cmd *cobra.Command
	cmd = asking(w, "set NAME", "Change the bounds of a guest that runs", one, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		var to nodeapi.Change
		if cmd.Flags().Changed("memory") {
			to.MemoryMin, to.MemoryMax = bound(memory.least), bound(memory.most)
		}
		if cmd.Flags().Changed("cpus") {
			to.CPUMin, to.CPUMax = bound(cpus.least), bound(cpus.most)
		}
		if cmd.Flags().Changed("weight") {
			to.Weight = &weight
		}
		if to == (nodeapi.Change{}) {
			return errors.New("what is to be set? give --memory, --cpus or --weight")
		}
		_, err := c.Set(ctx, args[0], to)
		return err
	})
	cmd.Flags().Var(&memory, "memory", "memory guaranteed and at most; without MAX the maximum stays")
	cmd.Flags().Var(&cpus, "cpus", "vCPUs guaranteed and at most, such as 0.5:2; without MAX the maximum stays")
	cmd.Flags().Uint32Var(&weight, "weight", 0, "`share` when there is not enough for all, 1 to 10000")
	return cmd
}

// bound is a bound that was given, nil where it was left open.
func bound(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
