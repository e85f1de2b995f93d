package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
)

func TestOnlyPeersAreKnown(t *testing.T) {
	proved := func(c *x509.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
	}
	a := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}
	b := &x509.Certificate{DNSNames: []string{"b.example"}}
	f := Fleet{Peers: []PeerConfig{{Name: "a", Address: "10.0.0.1:7000"}, {Name: "b", Address: "10.0.0.2:7000", Identity: "b.example"}}}
	for name, c := range map[string]struct {
		state *tls.ConnectionState
		want  bool
	}{
		"the Unix socket":            {nil, false},
		"no certificate":             {&tls.ConnectionState{}, false},
		"not verified":               {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{a}}, false},
		"by its address":             {proved(a), true},
		"by its identity":            {proved(b), true},
		"address of one with a name": {proved(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 2)}}), false},
		"an operator":                {proved(&x509.Certificate{DNSNames: []string{"operator"}}), false},
	} {
		if got := f.knows(c.state); got != c.want {
			t.Errorf("%s: known is %v", name, got)
		}
	}
	if (Fleet{}).knows(proved(a)) {
		t.Error("a node without peers knows one")
	}
}

func TestMovesAreSaidByPeers(t *testing.T) {
	r := newRig(t)
	_, expect := r.client.Expect(t.Context(), nodeapi.Arrival{ID: "m-1"})
	_, standing := r.client.Standing(t.Context(), "m-1")
	_, run := r.client.RunMoved(t.Context(), "m-1")
	for name, err := range map[string]error{"expect": expect, "standing": standing, "run": run, "forget": r.client.ForgetMove(t.Context(), "m-1")} {
		if !nodeapi.Is(err, nodeapi.CodeDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
