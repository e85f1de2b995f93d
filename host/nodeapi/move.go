package nodeapi

import (
	"context"
	"net/http"
	"net/url"
)

// Migrate asks a node to move a guest to a peer.
type Migrate struct {
	To    string `json:"to"`              // name of the peer
	Whole bool   `json:"whole,omitempty"` // with all that it holds: it is not asked to shrink first
}

// Move is how a move went, as the host saw it that the guest left, or was to leave.
type Move struct {
	ID    string `json:"id"`
	Guest string `json:"guest"`
	To    string `json:"to"`
	State string `json:"state"`           // of package move; "moved", "stayed" or "ended" when it is over
	Cause string `json:"cause,omitempty"` // why it stayed, or ended; of package move
	Error string `json:"error,omitempty"` // the same in words

	Held       int64   `json:"held"`        // bytes that it held when its size was frozen
	Bytes      int64   `json:"bytes"`       // sent over the link
	PageBytes  int64   `json:"page_bytes"`  // of pages that are not zeros
	DowntimeMS float64 `json:"downtime_ms"` // for how long nobody ran it: QEMU's own, and until the destination said that it runs
	QEMUMS     float64 `json:"qemu_ms"`     // QEMU's own part of that, as it measures it here
	LoadMS     float64 `json:"load_ms"`     // QEMU's own part at the destination: until it had taken in what was sent last
	ShrinkMS   float64 `json:"shrink_ms"`
	CopyMS     float64 `json:"copy_ms"`
	TookMS     float64 `json:"took_ms"`
}

// Peer is another host that guests can move to.
type Peer struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Alive    bool   `json:"alive"`            // it answered lately
	Error    string `json:"error,omitempty"`  // why it did not
	Memory   int64  `json:"memory,omitempty"` // bytes that it has to spare
	MilliCPU int64  `json:"milli_cpu,omitempty"`
}

// Arrival asks a node to take a guest of another one in. It is spoken between nodes.
type Arrival struct {
	ID       string  `json:"id"` // of the move; unique for all time
	From     string  `json:"from"`
	Bounds   *Change `json:"bounds,omitempty"` // those set since it was started
	Spec     Spec    `json:"spec"`             // with the values of the environment; kernel and initramfs are empty
	Memory   int64   `json:"memory"`
	MilliCPU int64   `json:"milli_cpu"` // the most it was granted, thousandths
	Serial   uint64  `json:"serial"`    // of its newest grant
	Accel    string  `json:"accel"`
	Still    bool    `json:"still,omitempty"` // it stands still while it is copied, and its memory is sent by itself
	LeaseMS  int64   `json:"lease_ms"`        // how long the room is kept without a word
}

// Expected answers Arrival: how the guest is sent there.
type Expected struct {
	Address   string `json:"address"`          // HOST:PORT
	Memory    string `json:"memory,omitempty"` // HOST:PORT for the memory of a guest that stands still
	Authority []byte `json:"authority"`
	Cert      []byte `json:"cert"`
	Key       []byte `json:"key"` // of this one copying, and good for nothing else
	Peer      string `json:"peer"`
}

// Standing is how a move is at its destination; the states are those of package move. One that the destination does not know is
// gone: its guest never ran there and never will.
type Standing struct {
	ID    string `json:"id"` // of the move
	State string `json:"state"`

	// LoadMS is how long QEMU there went on taking the guest in after the source had sent all and said so.
	LoadMS float64 `json:"load_ms,omitempty"`
}

// Migrate moves a guest to a peer of its node and returns when that is over, one way or the other.
func (c *Client) Migrate(ctx context.Context, guest string, m Migrate) (out Move, err error) {
	return out, c.call(ctx, http.MethodPost, path(guest, "/migrate"), m, &out)
}

// Drain moves all guests of a node to its peers, and returns how each of them went.
func (c *Client) Drain(ctx context.Context) (out []Move, err error) {
	return out, c.call(ctx, http.MethodPost, "/drain", nil, &out)
}

// DrainPeer has a peer drained.
func (c *Client) DrainPeer(ctx context.Context, name string) (out []Move, err error) {
	return out, c.call(ctx, http.MethodPost, "/peers/"+url.PathEscape(name)+"/drain", nil, &out)
}

// Peers lists the hosts that guests can move to.
func (c *Client) Peers(ctx context.Context) (ps []Peer, err error) {
	return ps, c.call(ctx, http.MethodGet, "/peers", nil, &ps)
}

// Expect asks a node to take a guest in.
func (c *Client) Expect(ctx context.Context, a Arrival) (e Expected, err error) {
	return e, c.call(ctx, http.MethodPost, "/moves", a, &e)
}

// Standing asks how a move is at its destination, which from then on keeps its room for another while.
func (c *Client) Standing(ctx context.Context, id string) (s Standing, err error) {
	return s, c.call(ctx, http.MethodGet, "/moves/"+url.PathEscape(id), nil, &s)
}

// RunMoved tells the destination to run the guest, and returns when it does, or never will.
func (c *Client) RunMoved(ctx context.Context, id string) (s Standing, err error) {
	return s, c.call(ctx, http.MethodPost, "/moves/"+url.PathEscape(id)+"/run", nil, &s)
}

// ForgetMove tells the destination that the guest does not come.
func (c *Client) ForgetMove(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/moves/"+url.PathEscape(id), nil, nil)
}
