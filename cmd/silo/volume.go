package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/volume"
)

// volumeStore is what silo volume asks: a node, or the folder itself.
type volumeStore interface {
	Volumes(context.Context) ([]nodeapi.Volume, error)
	RemoveVolume(ctx context.Context, name string) error
	Close()
}

// localStore is the folder of volumes where no node runs.
type localStore struct{ volume.Store }

func (s localStore) Volumes(context.Context) ([]nodeapi.Volume, error) {
	all, err := s.List()
	out := make([]nodeapi.Volume, len(all))
	for i, v := range all {
		out[i] = nodeapi.Volume(v)
	}
	return out, err
}

func (s localStore) RemoveVolume(ctx context.Context, name string) error { return s.Remove(ctx, name) }

func (s localStore) Close() {}

// volumeOptions say whose volumes are meant.
type volumeOptions struct {
	target targetOptions
	alone  bool
}

func (o *volumeOptions) open(ctx context.Context, w *world) (volumeStore, error) {
	target, err := o.target.target()
	if err != nil {
		return nil, err
	}
	if !o.alone && (o.target.address != "" || target.Answers(ctx)) {
		return nodeapi.NewClient(target)
	}
	return localStore{localVolumes(defaultStateDir(w))}, nil
}

func newVolume(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "volume",
		Short: "List and remove volumes",
		Long: `List and remove the named volumes that silo run -v makes: those of the node, if one answers, else those of guests that
run without one.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("silo volume takes ls or rm") },
	}
	cmd.AddCommand(newVolumeLs(w), newVolumeRm(w))
	return cmd
}

// onVolumes makes a command that works on volumes.
func onVolumes(w *world, use, short string, args cobra.PositionalArgs, run func(context.Context, volumeStore, []string) error) *cobra.Command {
	var o volumeOptions
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilSignal(cmd.Context(), w.signals)
			defer stop()
			s, err := o.open(ctx, w)
			if err != nil {
				return err
			}
			defer s.Close()
			return run(ctx, s, args)
		},
	}
	o.target.register(cmd.Flags(), w)
	cmd.Flags().BoolVar(&o.alone, "alone", false, "do not ask a node, even if one runs")
	return cmd
}

func newVolumeLs(w *world) *cobra.Command {
	var asJSON bool
	cmd := onVolumes(w, "ls", "List the volumes", cobra.NoArgs, func(ctx context.Context, s volumeStore, _ []string) error {
		all, err := s.Volumes(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(w.stdout, all)
		}
		printVolumes(w.stdout, all, time.Now())
		return nil
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func newVolumeRm(w *world) *cobra.Command {
	some := func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("which volume? silo volume ls lists them")
		}
		return nil
	}
	return onVolumes(w, "rm NAME…", "Remove volumes with all they hold", some, func(ctx context.Context, s volumeStore, args []string) error {
		return each(w.stdout, args, func(name string) error { return s.RemoveVolume(ctx, name) })
	})
}

func printVolumes(w io.Writer, all []nodeapi.Volume, now time.Time) {
	t := plainTable()
	t.AppendHeader(table.Row{"name", "size", "on disk", "written", "used by"})
	for _, v := range all {
		state := "-"
		if v.Busy {
			state = "a guest"
		}
		t.AppendRow(table.Row{v.Name, humanize.IBytes(uint64(v.Size)), humanize.IBytes(uint64(v.Used)),
			humanize.RelTime(v.Written, now, "ago", "from now"), state})
	}
	fmt.Fprintln(w, t.Render())
}
