package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// Core asks a guest for a core of its application, hands it to each, piece by piece in the order of their offsets, and returns its
// size in bytes, holes included. The application stands still meanwhile and goes on afterwards. The error of each ends it.
func (d *Daemon) Core(ctx context.Context, name string, each func(nodeapi.CoreRecord) error) (size int64, err error) {
	g, err := d.running(name, "core")
	if err != nil {
		return 0, err
	}
	to := &corePieces{each: each}
	err = g.Core(ctx, to)
	var fault *hvcall.Fault
	switch {
	case to.err != nil: // which the guest was told of, and tells in its own words
		return 0, to.err
	case errors.As(err, &fault):
		return 0, nodeapi.Refuse(nodeapi.CodeState, "guest %s: no core: %s", name, cmp.Or(fault.Text, fault.Error()))
	}
	return to.size, err
}

// corePieces is a node.CoreWriter that passes on what it is given.
type corePieces struct {
	each func(nodeapi.CoreRecord) error
	err  error // of each
	size int64 // once it is whole
}

// WriteAt implements node.CoreWriter.
func (c *corePieces) WriteAt(b []byte, at int64) (int, error) {
	if c.err = c.each(nodeapi.CoreRecord{Offset: at, Data: b}); c.err != nil {
		return 0, c.err
	}
	return len(b), nil
}

// Finish implements node.CoreWriter.
func (c *corePieces) Finish(size int64) error {
	c.size = size
	return nil
}

// Abort implements node.CoreWriter. Why is in what [node.Guest.Core] returns.
func (c *corePieces) Abort(string) {}

// coreWriteWithin is how long a client may leave a piece of a core unread: the application stands still meanwhile.
const coreWriteWithin = 10 * time.Second

// sendCore sends a core record by record, as JSON, one a line. The last one says its size, or why there is no more of it.
func (d *Daemon) sendCore(w http.ResponseWriter, r *http.Request) {
	out, enc := http.NewResponseController(w), json.NewEncoder(w)
	begun := false
	send := func(rec nodeapi.CoreRecord) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		_ = out.SetWriteDeadline(time.Now().Add(coreWriteWithin))
		return enc.Encode(rec)
	}
	size, err := d.Core(r.Context(), r.PathValue("name"), send)
	switch {
	case err != nil && !begun:
		sendRefusal(w, err)
	case err != nil:
		_ = send(nodeapi.CoreRecord{Lost: err.Error()}) // who asked may have gone
	default:
		_ = send(nodeapi.CoreRecord{Size: size})
	}
}
