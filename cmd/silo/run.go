package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/silo-os/silo/host/bridge/tap"
	"github.com/silo-os/silo/host/corefile"
	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/host/vmm"
)

// runOptions are the flags of silo run.
type runOptions struct {
	imageOptions
	ports   portsFlag
	env     []string
	memory  memoryFlag
	cpus    cpusFlag
	name    string
	network string
	bridge  bridgeFlag
	dir     string
	dns     []string
	weight  uint32
	volumes volumesFlag
	cores   string

	target  targetOptions
	detach  bool
	alone   bool
	restart string

	saved string // kind of template

	shutdownWithin, helloWithin, answerWithin time.Duration
}

func newRun(w *world) *cobra.Command {
	o := runOptions{memory: memoryFlag{span: span{least: 64 << 20}}, cpus: cpusFlag{span{least: 1000}}}
	cmd := &cobra.Command{
		Use:   "run PKG|IMAGE [-- ARGS]",
		Short: "Run an application in a guest whose memory and vCPUs follow its needs",
		Long: `Run an application in a virtual machine of its own and exit with its exit code. PKG is a main package, one of any
module with a version behind it (path@v1.2.3, path@latest), which is built first where that is needed, or a static
executable; IMAGE is a folder that silo build wrote, an OCI layout, or oci://REF in a registry. What silo.yaml in the package's
folder says (docs/MANIFEST.md) holds where no flag says otherwise. Ctrl-C asks the application to end,
a second Ctrl-C kills it.`,
		Example: "  silo run ./examples/hello -p 8080:8080 --memory 64M:2G --cpus 1:2\n  silo run out/server -e TOKEN -- -listen :80",
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); len(args) == 0 || n == 0 || n < 0 && len(args) > 1 || n > 1 {
				return errors.New("silo run takes one package or image folder; the application's own arguments stand behind --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := o.readManifest(cmd, args)
			if err != nil {
				return err
			}
			if err := o.oneNetwork(cmd.Flags().Changed("network")); err != nil {
				return err
			}
			code, err := o.run(cmd.Context(), w, args[0], given)
			if err == nil && code != 0 {
				err = &exitError{code}
			}
			return err
		},
	}
	o.register(cmd, w)
	return cmd
}

func (o *runOptions) register(cmd *cobra.Command, w *world) {
	f := cmd.Flags()
	o.target.register(f, w)
	f.BoolVarP(&o.detach, "detach", "d", false, "leave the guest to the node, and print its name")
	f.BoolVar(&o.alone, "alone", false, "do not use a node, even if one runs")
	f.StringVar(&o.restart, "restart", "never", "with a node: `when` it is started again: never, on-failure or always")
	f.Uint32Var(&o.weight, "weight", 0, "`share` when there is not enough for all, 1 to 10000 (default 100)")
	o.imageOptions.register(f)
	f.VarP(&o.ports, "publish", "p", "make a port of the guest reachable on the host; HOST 0 is a free one; may be repeated")
	f.StringArrayVarP(&o.env, "env", "e", nil, "`NAME=VALUE` for the application's environment, or NAME for silo's own value; may be repeated")
	f.Var(&o.memory, "memory", "memory present from the start and at most; without MAX what the host has")
	f.Var(&o.cpus, "cpus", "vCPUs guaranteed and at most, such as 0.5:2; without MAX what the host has")
	f.VarP(&o.volumes, "volume", "v", "mount a named volume, made on first use, or a folder (./DIR:/PATH) in the guest; may be repeated")
	f.StringVar(&o.name, "name", "", "the guest's name and host name (default: the application's)")
	f.StringVar(&o.network, "network", "user", "`KIND` of network: user, restricted (only -p works) or none")
	f.Var(&o.bridge, "net", "attach the guest to a bridge of the host; ip, gw and dns may be repeated")
	f.StringVar(&o.dir, "dir", "", "working `folder` of the application in the guest (default /)")
	f.StringArrayVar(&o.dns, "dns", nil, "`address` of a resolver for the guest, in place of the host's; may be repeated")
	f.StringVar(&o.cores, "core", "", "`folder` for a core of the application when it crashes: DIR/NAME.core; a Go program then crashes where it panics")
	f.StringVar(&o.saved, "template", "auto", "auto: go on from the saved state of a guest like this one, and save the first; off: boot")
	f.DurationVar(&o.shutdownWithin, "shutdown-within", 10*time.Second, "`time` for a clean end after Ctrl-C")
	f.DurationVar(&o.answerWithin, "answer-within", 0, "end a guest that answers the host nothing for this `time`, 5s or more (default never)")
	f.DurationVar(&o.helloWithin, "hello-within", 30*time.Second, "`time` for the guest to boot")
}

// readManifest finds the manifest, puts what it says where no flag does, and returns the application's arguments.
func (o *runOptions) readManifest(cmd *cobra.Command, args []string) (given []string, err error) {
	if o.manifest, err = findManifest(o.file, args[0]); err != nil || o.manifest == nil {
		return args[1:], err
	}
	if cmd.ArgsLenAtDash() < 0 { // who writes -- and nothing wants no arguments
		for _, a := range o.manifest.Args {
			args = append(args, a.Value)
		}
	}
	return args[1:], applyManifest(o.manifest, cmd.Flags())
}

// run is the whole command; it returns the exit code.
func (o *runOptions) run(ctx context.Context, w *world, what string, args []string) (int, error) {
	spec, err := o.spec(w, args)
	if err != nil {
		return 0, err
	}
	c, err := o.findNode(ctx)
	if err != nil {
		return 0, err
	}
	if c != nil {
		defer c.Close()
		return o.viaNode(ctx, w, c, what, spec)
	}
	n, err := node.New(node.Config{Log: o.log(w), Volumes: localVolumes(defaultStateDir(w))})
	if err != nil {
		return 0, err
	}
	defer n.Close()
	g, err := o.start(ctx, w, n, what, o.fill(n, spec))
	if err != nil {
		return 0, err
	}
	tellChosenPorts(w.stderr, spec.Ports, g.Forwards())
	killer := ended(g, w.signals, o.shutdownWithin, w.stderr)
	exit, err := g.Wait()
	return verdict(w.stderr, exit, err, killer), nil
}

// findNode returns a client of the node that the guest is to run on; nil = of none.
func (o *runOptions) findNode(ctx context.Context) (*nodeapi.Client, error) {
	if o.alone && o.detach {
		return nil, errors.New("--detach and --alone: a guest without a node ends with silo run: leave one of them out")
	}
	target, err := o.target.target()
	if err != nil || o.alone {
		return nil, err
	}
	needed := o.detach || o.target.address != "" || o.restart != string(nodeapi.RestartNever)
	if !needed && !target.Answers(ctx) {
		return nil, nil
	}
	c, err := nodeapi.NewClient(target)
	if err != nil {
		return nil, err
	}
	if _, err := c.Info(ctx); err != nil { // before an image is built, which may take minutes
		return nil, err
	}
	return c, nil
}

// start makes the image where that is needed, and starts the guest. A signal stops it.
func (o *runOptions) start(ctx context.Context, w *world, n *node.Node, what string, spec node.GuestSpec) (*node.Guest, error) {
	ctx, stop := untilSignal(ctx, w.signals)
	defer stop()
	if err := preflight(ctx, spec); err != nil {
		return nil, err
	}
	image, err := o.image(ctx, w, what)
	if err != nil {
		return nil, err
	}
	spec.Kernel, spec.Initramfs = image.KernelPath(), image.InitramfsPath()
	spec.Memory = o.memory.forImage(spec.Memory, spec.Initramfs)
	spec.RefuseAfter = o.refuseAfter.or(time.Duration(image.Manifest.RefuseAfterMS) * time.Millisecond)
	if spec.Name == "" {
		spec.Name = hostName(image.Manifest.Name)
	}
	g, err := n.Start(ctx, spec)
	if stopped := context.Cause(ctx); stopped != nil {
		return nil, stopped // the node ends a guest that did start
	}
	return g, err
}

// preflight finds out what would make the start fail after an image has been built, which may take minutes.
func preflight(ctx context.Context, spec node.GuestSpec) error {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return fmt.Errorf("find QEMU: %w", vmm.ErrQEMUMissing)
	}
	if spec.Bridge != nil {
		if err := tap.Check(*spec.Bridge); err != nil {
			return err
		}
	}
	if spec.Cores != "" {
		if err := corefile.Check(spec.Cores); err != nil {
			return err
		}
	}
	return errors.Join(checkPorts(ctx, spec.Ports), checkFolders(spec.Volumes))
}

// fill puts what the host has where a bound was left open.
func (o *runOptions) fill(n *node.Node, s node.GuestSpec) node.GuestSpec {
	c := n.Capacity()
	if s.Memory.Max == 0 {
		s.Memory.Max = max(s.Memory.Min, (c.Memory-c.Slush)/vmm.BlockSize*vmm.BlockSize)
	}
	if s.CPU.MaxMilli == 0 {
		s.CPU.MaxMilli = max(s.CPU.MinMilli, uint32(min(c.MilliCPU, vmm.MaxVCPUs*1000)))
	}
	return s
}

// spec is what the flags say of the guest.
func (o *runOptions) spec(w *world, args []string) (node.GuestSpec, error) {
	env, err := environment(o.env, w.lookupEnv)
	if err != nil {
		return node.GuestSpec{}, err
	}
	if err := node.CheckVolumes(o.volumes); err != nil {
		return node.GuestSpec{}, err
	}
	if o.manifest != nil {
		if env, err = manifestEnv(o.manifest, env, w.lookupEnv); err != nil {
			return node.GuestSpec{}, err
		}
	}
	network, ok := map[string]vmm.Network{"user": vmm.NetworkUser, "restricted": vmm.NetworkRestricted, "none": vmm.NetworkNone}[o.network]
	if !ok {
		return node.GuestSpec{}, fmt.Errorf("--network %q: not a kind of network: use user, restricted or none", o.network)
	}
	switch nodeapi.Restart(o.restart) {
	case nodeapi.RestartNever, nodeapi.RestartOnFailure, nodeapi.RestartAlways:
	default:
		return node.GuestSpec{}, fmt.Errorf("--restart %q: use never, on-failure or always", o.restart)
	}
	if o.saved != "auto" && o.saved != "off" {
		return node.GuestSpec{}, fmt.Errorf("--template %q: use auto or off", o.saved)
	}
	s := node.GuestSpec{
		Name: o.name, Weight: o.weight, Args: args, Env: env, Ports: o.ports, Volumes: o.volumes, Network: network, Bridge: o.bridge.at, Template: o.saved == "auto",
		Memory: node.Memory{Min: o.memory.least, Max: o.memory.most},
		CPU:    node.CPU{MinMilli: uint32(o.cpus.least), MaxMilli: uint32(o.cpus.most)},
		Stdout: w.stdout, Stderr: w.stderr,
		HelloDeadline: o.helloWithin, ShutdownWithin: o.shutdownWithin, AnswerWithin: o.answerWithin,
	}
	s.Dir, s.DNS = o.dir, o.dns
	if o.cores != "" {
		if s.Cores, err = filepath.Abs(o.cores); err != nil {
			return node.GuestSpec{}, fmt.Errorf("find folder for cores: %w", err)
		}
	}
	if m := o.manifest; m != nil {
		s.Readiness, s.Liveness, s.Watchdog = probe(m.Readiness), probe(m.Liveness), m.Watchdog
	}
	if o.verbose {
		s.InitLog, s.Console = w.stderr, w.stderr
	}
	return s, nil
}

// hostName is a name as far as a host name can hold it.
func hostName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(name[:min(len(name), 63)], "-")
}
