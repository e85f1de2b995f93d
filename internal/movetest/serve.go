package movetest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/move"
)

// settings are what a node is told, in the environment.
type settings struct {
	Dir      string
	Name, IP string
	Fleet    daemon.Fleet
	Capacity broker.Capacity
	Moves    move.Limits
	StayPut  bool
	Silo     string
	Pause    string // the point at which it waits to be let go on, or, after "!", kills itself
}

const settingsEnv = "MOVETEST_NODE"

// Be is what this program does where it was started as a node of a Pair: it does not return then.
func Be() {
	text := os.Getenv(settingsEnv)
	if text == "" {
		return
	}
	var s settings
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = s.serve()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func (s settings) serve() error {
	ctx := context.Background()
	d, err := daemon.Open(ctx, daemon.Config{
		Dir: filepath.Join(s.Dir, "state"), Capacity: s.Capacity, Fleet: s.Fleet, Moves: s.Moves, StayPut: s.StayPut,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})), At: s.at,
	})
	if err != nil {
		return err
	}
	local, err := daemon.ListenUnix(filepath.Join(s.Dir, "node.sock"))
	if err != nil {
		return err
	}
	remote, err := daemon.ListenTLS(ctx, net.JoinHostPort(s.IP, "7000"), s.Fleet.TLS)
	if err != nil {
		return err
	}
	return d.Serve(ctx, local, remote)
}

// flags are the settings as the command takes them.
func (s settings) flags(t testing.TB) []string {
	peers, err := json.Marshal(map[string]any{"peers": s.Fleet.Peers})
	file := filepath.Join(s.Dir, "peers.json")
	if err == nil {
		err = os.WriteFile(file, peers, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{
		"node", "--dir", filepath.Join(s.Dir, "state"), "--socket", filepath.Join(s.Dir, "node.sock"), "--name", s.Name, "--peers", file,
		"--listen", net.JoinHostPort(s.IP, "7000"), "--tls-cert", s.Fleet.TLS.Cert, "--tls-key", s.Fleet.TLS.Key, "--tls-ca", s.Fleet.TLS.ClientCA,
		"--memory", fmt.Sprintf("%dM", s.Capacity.Memory>>20), "--cpus", fmt.Sprint(s.Capacity.MilliCPU / 1000),
	}
	if s.StayPut {
		flags = append(flags, "--stay-put")
	}
	return flags
}

// at is called at each point of the node.
func (s settings) at(point string) {
	if at, ok := strings.CutPrefix(s.Pause, "!"); ok && at == point {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	if s.Pause != point {
		return
	}
	_ = os.WriteFile(filepath.Join(s.Dir, "paused"), nil, 0o600)
	for {
		if _, err := os.Stat(filepath.Join(s.Dir, "on")); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
