package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/broker"
	siloed "github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/nodeapi"
)

// nodeOptions are the flags of silo node.
type nodeOptions struct {
	dir, socket, listen string
	tls                 siloed.TLSFiles
	name, peers, stream string
	stayPut             bool
	memory              sizeFlag
	cpus                cpusFlag
	verbose             bool
}

func newNode(w *world) *cobra.Command {
	var o nodeOptions
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Keep guests on this machine, for silo run -d and everybody who speaks the API",
		Long: `Keep guests on this machine. They run on when silo node ends, in whatever way, and are taken up again by the next
one. It serves an API on a Unix socket, which only its owner can open, and on TCP for clients with a certificate.`,
		Example: "  silo node\n  silo node --memory 16G --cpus 8\n  silo node install && systemctl enable --now silo-node",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), w) },
	}
	o.register(cmd, w)
	cmd.AddCommand(newNodeInstall(w))
	return cmd
}

func (o *nodeOptions) register(cmd *cobra.Command, w *world) {
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", defaultStateDir(w), "`folder` for all that must outlive the node (default $"+stateEnv+")")
	f.StringVar(&o.socket, "socket", nodeapi.DefaultSocket(w.lookupEnv), "`path` of the API's socket (default $"+nodeapi.SocketEnv+")")
	f.StringVar(&o.listen, "listen", "", "`HOST:PORT` for the API on TCP, with mutual TLS")
	f.StringVar(&o.tls.Cert, "tls-cert", "", "`file` with the node's certificate, in PEM, for --listen")
	f.StringVar(&o.tls.Key, "tls-key", "", "`file` with its key")
	f.StringVar(&o.tls.ClientCA, "tls-ca", "", "`file` with the authority that clients' certificates must be of")
	f.StringVar(&o.name, "name", "", "`name` of this host, as its peers know it (default: its host name)")
	f.StringVar(&o.peers, "peers", "", "`file` with the hosts that guests can move to, as JSON, see docs/MOVING.md; takes --listen")
	f.StringVar(&o.stream, "move-address", "", "`address` of this host at which guests of others come in (default: that of --listen)")
	f.BoolVar(&o.stayPut, "stay-put", false, "no guest moves but by request, however full the host is")
	f.Var(&o.memory, "memory", "memory for all guests together (default: what is available at the start, less an eighth)")
	f.Var(&o.cpus, "cpus", "vCPUs for all guests together (default: all processors)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell every decision, on standard error")
}

// sizeFlag is a size in bytes.
type sizeFlag struct{ bytes int64 }

// String implements pflag.Value.
func (f *sizeFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *sizeFlag) Type() string { return "SIZE" }

// Set implements pflag.Value.
func (f *sizeFlag) Set(s string) (err error) {
	f.bytes, err = parseSize(s)
	return err
}

// stateEnv names the variable with the folder for what must outlive a guest.
const stateEnv = "SILO_STATE"

// defaultStateDir is the machine's, or the user's own.
func defaultStateDir(w *world) string {
	if dir, ok := w.lookupEnv(stateEnv); ok && filepath.IsAbs(dir) {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/silo"
	}
	if dir, ok := w.lookupEnv("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "silo")
	}
	home, _ := w.lookupEnv("HOME")
	return filepath.Join(home, ".local", "state", "silo")
}

func (o *nodeOptions) run(ctx context.Context, w *world) error {
	ctx, stop := untilSignal(ctx, w.signals)
	defer stop()
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return fmt.Errorf("find state folder: %w", err)
	}
	fleet, err := o.fleet()
	if err != nil {
		return err
	}
	listeners, err := o.listeners(ctx)
	if err != nil {
		return err
	}
	d, err := siloed.Open(ctx, siloed.Config{
		Dir: dir, Capacity: broker.Capacity{Memory: o.memory.bytes, MilliCPU: o.cpus.most}, Build: build(), Log: o.log(w),
		Fleet: fleet, StayPut: o.stayPut,
	})
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return errors.Join(err, o.leave())
	}
	fmt.Fprintf(w.stderr, "silo: node serves on %s; its guests run on when it ends\n", o.socket)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady) // nobody may be there to be told
	err = d.Serve(ctx, listeners...)
	d.Leave()
	return errors.Join(err, o.leave())
}

// fleet is the other hosts.
func (o *nodeOptions) fleet() (f siloed.Fleet, err error) {
	f = siloed.Fleet{Name: o.name, TLS: o.tls, Stream: o.stream}
	if o.peers == "" {
		return f, nil
	}
	if o.listen == "" {
		return f, errors.New("--peers: peers speak to this node over TCP: give --listen HOST:PORT, --tls-cert, --tls-key and --tls-ca")
	}
	if f.Stream == "" {
		if f.Stream, _, err = net.SplitHostPort(o.listen); err != nil {
			return f, fmt.Errorf("--listen: %w", err)
		}
	}
	if host, port, err := net.SplitHostPort(f.Stream); err == nil {
		return f, fmt.Errorf("--move-address: %q has a port, and guests come in at ports of QEMU's choice: give the address alone: %s", net.JoinHostPort(host, port), host)
	}
	if ip := net.ParseIP(f.Stream); f.Stream == "" || ip != nil && ip.IsUnspecified() {
		return f, errors.New("--listen: guests come in at an address that peers can reach: give it with --move-address")
	}
	f.Peers, err = siloed.LoadPeers(o.peers)
	return f, err
}

// leave takes the socket away: who comes now is told that nobody is there.
func (o *nodeOptions) leave() error {
	if err := os.Remove(o.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove socket: %w", err)
	}
	return nil
}

// listeners takes the socket first: two nodes find that out before either touches anything.
func (o *nodeOptions) listeners(ctx context.Context) ([]siloed.Listener, error) {
	var tcp siloed.Listener
	if o.listen != "" {
		l, err := siloed.ListenTLS(ctx, o.listen, o.tls)
		if err != nil {
			return nil, err
		}
		tcp = l
	}
	l, err := siloed.ListenUnix(o.socket)
	switch {
	case err != nil && tcp != nil:
		return nil, errors.Join(err, tcp.Close())
	case err != nil:
		return nil, err
	case tcp != nil:
		return []siloed.Listener{l, tcp}, nil
	}
	return []siloed.Listener{l}, nil
}

func (o *nodeOptions) log(w *world) *slog.Logger {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w.stderr, &slog.HandlerOptions{Level: level}))
}
