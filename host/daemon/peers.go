package daemon

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/silo-os/silo/host/broker"
	"github.com/silo-os/silo/host/nodeapi"
)

// Fleet is which other hosts guests of this one can move to, and how this one is reached by them. The zero value has none.
type Fleet struct {
	Name  string       // of this host, as the others know it; "" = its host name
	Peers []PeerConfig // by any order
	TLS   TLSFiles     // with which this node proves itself to its peers; the peers' must be of the same authority
	// Stream is the address of this host at which guests come in; "" = the one that the API is served on.
	Stream string
}

// PeerConfig is another host.
type PeerConfig struct {
	Name     string `json:"name"`
	Address  string `json:"address"`            // HOST:PORT of its API
	Identity string `json:"identity,omitempty"` // name in its certificate; "" = the host of Address
}

// LoadPeers reads the peers from a file: {"peers": [{"name": …, "address": …, "identity": …}]}.
func LoadPeers(path string) ([]PeerConfig, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read peers: %w", err)
	}
	var file struct {
		Peers []PeerConfig `json:"peers"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf(`read peers of %s: %w: write it as {"peers": [{"name": "b", "address": "HOST:PORT"}]}`, path, err)
	}
	seen := make(map[string]bool)
	for i, p := range file.Peers {
		if !goodName.MatchString(p.Name) || seen[p.Name] {
			return nil, fmt.Errorf("read peers of %s: peer %d: %q is no name, or stands twice: use up to 63 letters, digits, dots, dashes and underscores", path, i, p.Name)
		}
		if host, port, err := net.SplitHostPort(p.Address); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("read peers of %s: peer %s: %q is not HOST:PORT", path, p.Name, p.Address)
		}
		seen[p.Name] = true
	}
	return file.Peers, nil
}

// peer is another host, as far as it is known.
type peer struct {
	PeerConfig
	client *nodeapi.Client

	mu   sync.Mutex
	info nodeapi.Info // guarded by mu, as all below
	err  error        // why it did not answer the last time
	seen bool         // it answered once
}

// seekEvery is how often peers are asked how they stand, and seekWithin how long each may take.
const (
	seekEvery  = time.Second
	seekWithin = 3 * time.Second
)

// openPeers makes the peers of a host with a name.
func openPeers(f Fleet, name string) (map[string]*peer, error) {
	if len(f.Peers) == 0 {
		return nil, nil
	}
	if slices.ContainsFunc(f.Peers, func(c PeerConfig) bool { return c.Name == name }) {
		return nil, fmt.Errorf("reach peers: %q is this host itself: leave it out of the peers, or give this host another name with --name", name)
	}
	base, err := f.TLS.config()
	if err != nil {
		return nil, fmt.Errorf("reach peers: %w", err)
	}
	peers := make(map[string]*peer)
	for _, c := range f.Peers {
		host, _, _ := net.SplitHostPort(c.Address)
		t := nodeapi.Target{Address: c.Address, TLS: &tls.Config{
			Certificates: base.Certificates, RootCAs: base.ClientCAs, ServerName: cmp.Or(c.Identity, host), MinVersion: tls.VersionTLS13,
		}}
		client, err := nodeapi.NewClient(t)
		if err != nil {
			return nil, err
		}
		peers[c.Name] = &peer{PeerConfig: c, client: client}
	}
	return peers, nil
}

// seek asks a peer how it stands, again and again, and lets the broker know, until ctx ends.
func (d *Daemon) seek(ctx context.Context, p *peer) {
	tick := time.NewTicker(seekEvery)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, seekWithin)
		info, err := p.client.Info(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		changed := (err == nil) != (p.err == nil && p.seen)
		p.info, p.err, p.seen = info, err, p.seen || err == nil
		p.mu.Unlock()
		if changed {
			d.cfg.Log.Info("peer", "name", p.Name, "alive", err == nil, "err", err)
		}
		d.node.PeerSeen(p.Name, broker.Room{Memory: info.FreeMemory, MilliCPU: info.FreeMilliCPU})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *peer) show() nodeapi.Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := nodeapi.Peer{Name: p.Name, Address: p.Address, Alive: p.seen && p.err == nil, Memory: p.info.FreeMemory, MilliCPU: p.info.FreeMilliCPU}
	if p.err != nil {
		s.Error = p.err.Error()
	}
	return s
}

// Peers are the hosts that guests can move to, by name.
func (d *Daemon) Peers() []nodeapi.Peer {
	ps := make([]nodeapi.Peer, 0, len(d.peers))
	for _, p := range d.peers {
		ps = append(ps, p.show())
	}
	slices.SortFunc(ps, func(a, b nodeapi.Peer) int { return cmp.Compare(a.Name, b.Name) })
	return ps
}

func (d *Daemon) findPeer(name string) (*peer, error) {
	if p := d.peers[name]; p != nil {
		return p, nil
	}
	if len(d.peers) == 0 {
		return nil, nodeapi.Refuse(nodeapi.CodeNotFound, "this node has no peers: name them in a file, and start it with --peers FILE")
	}
	return nil, nodeapi.Refuse(nodeapi.CodeNotFound, "there is no peer named %q: silo peers lists those there are", name)
}
