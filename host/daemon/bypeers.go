package daemon

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/silo-os/silo/host/nodeapi"
)

// byPeers lets only peers ask: what hosts say to one another while a guest moves decides where it runs, and two hosts
// run it if somebody else says it.
func (d *Daemon) byPeers(a answer) answer {
	return func(r *http.Request) (any, error) {
		if !d.cfg.Fleet.knows(r.TLS) {
			return nil, nodeapi.Refuse(nodeapi.CodeDenied, "%s %s is said by one node to another: move guests with silo migrate, or name the caller in this node's peers", r.Method, r.URL.Path)
		}
		return a(r)
	}
}

// knows reports whether a caller has proved itself with the certificate of a peer.
func (f Fleet) knows(c *tls.ConnectionState) bool {
	if c == nil || len(c.VerifiedChains) == 0 {
		return false
	}
	for _, p := range f.Peers {
		host, _, _ := net.SplitHostPort(p.Address)
		if c.VerifiedChains[0][0].VerifyHostname(cmp.Or(p.Identity, host)) == nil {
			return true
		}
	}
	return false
}
