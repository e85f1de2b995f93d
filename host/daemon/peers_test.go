package daemon

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/move"
	"github.com/silo-os/silo/host/nodeapi"
)

func TestLoadPeers(t *testing.T) {
	for name, c := range map[string]struct {
		text, wrong string
		n           int
	}{
		"two":         {`{"peers": [{"name": "b", "address": "10.0.0.3:7000"}, {"name": "c", "address": "c.example:7000", "identity": "c"}]}`, "", 2},
		"none":        {`{"peers": []}`, "", 0},
		"no JSON":     {`peers: b`, "write it as", 0},
		"unknown":     {`{"peers": [{"name": "b", "adress": "10.0.0.3:7000"}]}`, "adress", 0},
		"twice":       {`{"peers": [{"name": "b", "address": "b:1"}, {"name": "b", "address": "c:1"}]}`, "stands twice", 0},
		"no name":     {`{"peers": [{"address": "b:1"}]}`, "is no name", 0},
		"no port":     {`{"peers": [{"name": "b", "address": "b"}]}`, "not HOST:PORT", 0},
		"no host":     {`{"peers": [{"name": "b", "address": ":1"}]}`, "not HOST:PORT", 0},
		"not a label": {`{"peers": [{"name": "../b", "address": "b:1"}]}`, "is no name", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peers.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			peers, err := LoadPeers(path)
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) || len(peers) != c.n {
				t.Errorf("%d peers, %v; want %d and %q", len(peers), err, c.n, c.wrong)
			}
		})
	}
	if _, err := LoadPeers(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A node without a certificate reaches no peers, and says what it lacks.
func TestPeersTakeTLS(t *testing.T) {
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Fleet: Fleet{Peers: []PeerConfig{{Name: "b", Address: "b:1"}}}})
	if err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("opened: %v", err)
	}
}

// A host is no peer of its own.
func TestNoPeerOfItself(t *testing.T) {
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Fleet: Fleet{Name: "a", Peers: []PeerConfig{{Name: "b", Address: "b:1"}, {Name: "a", Address: "a:1"}}}})
	if err == nil || !strings.Contains(err.Error(), `"a" is this host itself: leave it out of the peers, or give this host another name with --name`) {
		t.Errorf("opened: %v", err)
	}
}

// Only what proves that no word can have arrived counts as that; only the destination's own word counts as final.
func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		err   error
		want  move.Event
	}{
		"runs":          {"running", nil, move.Running},
		"gone":          {"gone", nil, move.Gone},
		"no such path":  {"", nodeapi.Refuse(nodeapi.CodeNotFound, "POST /v1/moves/m-1/run is not in version 1 of the API"), move.Unsure},
		"lost":          {"lost", nil, move.Lost},
		"not yet":       {"waiting", nil, move.Unsure},
		"no connection": {"", &nodeapi.NoNodeError{Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, move.Unreached},
		"cut off":       {"", &nodeapi.NoNodeError{Err: &net.OpError{Op: "read", Err: errors.New("reset")}}, move.Unsure},
		"other refusal": {"", nodeapi.Refuse(nodeapi.CodeInternal, "oops"), move.Unsure},
		"anything else": {"", errors.New("EOF"), move.Unsure},
	} {
		if got := verdict("m-1", nodeapi.Standing{ID: "m-1", State: c.state}, c.err); got != c.want {
			t.Errorf("%s: event %d, want %d", name, got, c.want)
		}
		if got := verdict("m-2", nodeapi.Standing{ID: "m-1", State: c.state}, c.err); got != move.Unsure && got != move.Unreached {
			t.Errorf("%s, of another move: event %d", name, got)
		}
	}
}

// What a node is asked to take in is checked like any request.
func TestArrivalRefused(t *testing.T) {
	r := newRig(t)
	good := nodeapi.Arrival{ID: "m-1", Spec: nodeapi.Spec{Name: "kv", Network: "none"}}
	for name, change := range map[string]func(*nodeapi.Arrival){
		"no id":     func(a *nodeapi.Arrival) { a.ID = "../x" },
		"no name":   func(a *nodeapi.Arrival) { a.Spec.Name = "" },
		"bad name":  func(a *nodeapi.Arrival) { a.Spec.Name = "../kv" },
		"memory":    func(a *nodeapi.Arrival) { a.Memory = -1 },
		"lease":     func(a *nodeapi.Arrival) { a.LeaseMS = mostLease.Milliseconds() + 1 },
		"serial":    func(a *nodeapi.Arrival) { a.Serial = 1<<64 - 1 },
		"network":   func(a *nodeapi.Arrival) { a.Spec.Network = "" },
		"volumes":   func(a *nodeapi.Arrival) { a.Spec.Volumes = []nodeapi.Mount{{Dir: "/", Path: "/host"}} },
		"restarted": func(a *nodeapi.Arrival) { a.Spec.Restart = nodeapi.RestartAlways },
	} {
		a := good
		change(&a)
		_, err := r.Expect(t.Context(), a)
		if !nodeapi.Is(err, nodeapi.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.create(r.spec("kv"))
	if _, err := r.Expect(t.Context(), good); !nodeapi.Is(err, nodeapi.CodeTaken) {
		t.Errorf("a name that is here: %v", err)
	}
	gone := nodeapi.Standing{ID: "m-1", State: string(move.DestGone)}
	if s := r.Standing("m-1"); s != gone {
		t.Errorf("a move that is not known: %+v", s)
	}
	if s, err := r.RunMoved(t.Context(), "m-1"); s != gone || err != nil {
		t.Errorf("a move that is not known: %+v, %v", s, err)
	}
	if err := r.ForgetMove(t.Context(), "m-1"); err != nil {
		t.Errorf("a move that is not known: %v", err)
	}
	if _, err := r.client.Migrate(t.Context(), "kv", nodeapi.Migrate{To: "b"}); !nodeapi.Is(err, nodeapi.CodeNotFound) {
		t.Errorf("a node without peers: %v", err)
	}
	if _, err := r.client.Drain(t.Context()); !nodeapi.Is(err, nodeapi.CodeNotFound) {
		t.Errorf("a node without peers: %v", err)
	}
}
