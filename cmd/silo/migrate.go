package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/nodeapi"
)

func newMigrate(w *world) *cobra.Command {
	var whole bool
	cmd := asking(w, "migrate GUEST HOST", "Move a guest to another host while it runs", func(_ *cobra.Command, args []string) error {
		if len(args) != 2 {
			return errors.New("a guest and a host are to be named; silo ps lists the guests, silo peers the hosts")
		}
		return nil
	}, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		m, err := c.Migrate(ctx, args[0], nodeapi.Migrate{To: args[1], Whole: whole})
		if err == nil {
			fmt.Fprintln(w.stdout, describeMove(m))
		}
		return err
	})
	cmd.Flags().BoolVar(&whole, "whole", false, "with all that it holds: it is not asked to shrink first")
	cmd.Long = `Move a guest to another host while it runs. It gives up first what it can do without, goes on there under the same
address, and keeps its connections. If anything fails on the way it stays where it is. To interrupt this command calls the move off.`
	cmd.Example = "  silo migrate kv-1 b"
	return cmd
}

// describeMove is how a move went, in a line.
func describeMove(m nodeapi.Move) string {
	switch m.State {
	case "moved":
	case "ended":
		return fmt.Sprintf("%s has ended on its way to %s: %s", m.Guest, m.To, m.Error)
	default:
		return fmt.Sprintf("%s stays: %s", m.Guest, m.Error)
	}
	return fmt.Sprintf("%s runs on %s: %s copied of %s, %.0f ms still, %.1f s in all",
		m.Guest, m.To, humanize.IBytes(uint64(m.Bytes)), humanize.IBytes(uint64(m.Held)), m.DowntimeMS, m.TookMS/1000)
}

func newDrain(w *world) *cobra.Command {
	cmd := asking(w, "drain HOST", "Move all guests of a host to its peers", func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errors.New("the host to be emptied is to be named: a peer of the node, or the node's own name; silo peers lists them")
		}
		return nil
	}, func(ctx context.Context, c *nodeapi.Client, args []string) error {
		moves, err := c.DrainPeer(ctx, args[0])
		if err != nil {
			return err
		}
		stay := 0
		for _, m := range moves {
			fmt.Fprintln(w.stdout, describeMove(m))
			if m.State != "moved" {
				stay++
			}
		}
		if stay > 0 {
			return fmt.Errorf("drain %s: %d of %d guests stay, for the reasons above: stop those that cannot move", args[0], stay, len(moves))
		}
		return nil
	})
	cmd.Example = "  silo drain b"
	return cmd
}

func newPeers(w *world) *cobra.Command {
	var asJSON bool
	cmd := asking(w, "peers", "List the hosts that guests of the node can move to", cobra.NoArgs, func(ctx context.Context, c *nodeapi.Client, _ []string) error {
		peers, err := c.Peers(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(w.stdout, peers)
		}
		own, err := c.Info(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(w.stdout, peerTable(own, peers))
		return nil
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// peerTable is a line for the node itself, and one for each peer.
func peerTable(own nodeapi.Info, peers []nodeapi.Peer) string {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(table.Row{"name", "address", "memory to spare", "vcpus to spare", "state"})
	room := func(memory, milli int64) (string, string) {
		return humanize.IBytes(uint64(memory)), fmt.Sprintf("%g", float64(milli)/1000)
	}
	memory, vcpus := room(own.FreeMemory, own.FreeMilliCPU)
	t.AppendRow(table.Row{own.Name, "-", memory, vcpus, "this node"})
	for _, p := range peers {
		memory, vcpus, state := "-", "-", "does not answer: "+p.Error
		if p.Alive {
			memory, vcpus = room(p.Memory, p.MilliCPU)
			state = "alive"
		} else if p.Error == "" {
			state = "not asked yet"
		}
		t.AppendRow(table.Row{p.Name, p.Address, memory, vcpus, state})
	}
	return t.Render()
}
