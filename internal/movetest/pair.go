package movetest

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/internal/nettest"
)

// Pair is two nodes, a and b, that are each other's peers.
type Pair struct {
	A, B *Node
	Net  *nettest.Net
}

// Options change what the nodes of a Pair are started with.
type Options struct {
	CapacityA, CapacityB int64 // bytes; 0 = 1 GiB
	Moves                move.Limits
	Relieve              bool // guests move by themselves

	Silo string // path of the command, which the nodes are run by; "" = by this program, which calls Be
}

// New makes two hosts, with no node running yet.
func New(t testing.TB, o Options) *Pair {
	t.Helper()
	p := &Pair{Net: nettest.New(t)}
	dir, err := os.MkdirTemp("", "silo-move-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ca := newAuthority(t, dir)
	for _, n := range []struct {
		node        **Node
		name, other string
		on, peer    *nettest.Host
		capacity    int64
	}{{&p.A, "a", "b", p.Net.A, p.Net.B, o.CapacityA}, {&p.B, "b", "a", p.Net.B, p.Net.A, o.CapacityB}} {
		if n.capacity == 0 {
			n.capacity = 1 << 30
		}
		s := settings{
			Dir: filepath.Join(dir, n.name), Name: n.name, IP: n.on.IP, Moves: o.Moves, StayPut: !o.Relieve, Silo: o.Silo,
			Capacity: broker.Capacity{Memory: n.capacity, MilliCPU: 4000},
			Fleet: daemon.Fleet{
				Name: n.name, Stream: n.on.IP, TLS: ca.issue(n.name, n.on.IP),
				Peers: []daemon.PeerConfig{{Name: n.other, Address: net.JoinHostPort(n.peer.IP, "7000")}},
			},
		}
		*n.node = newNode(t, n.on, s)
	}
	return p
}
