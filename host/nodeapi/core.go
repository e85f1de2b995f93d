package nodeapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// CoreRecord is a piece of a core, in the order of their offsets, or the end of them all.
type CoreRecord struct {
	Offset int64  `json:"offset,omitempty"` // bytes from the beginning of the core; what lies between pieces is zero
	Data   []byte `json:"data,omitempty"`   // in base64; empty = it is the last record
	Size   int64  `json:"size,omitempty"`   // of the last record: bytes of the whole core
	Lost   string `json:"lost,omitempty"`   // of the last record: why there is no core
}

// Core asks a guest for a core of its application, hands it to each, piece by piece, and returns its size in bytes, holes included.
// The application stands still meanwhile and goes on afterwards. The error of each ends it.
func (c *Client) Core(ctx context.Context, name string, each func(CoreRecord) error) (size int64, err error) {
	body, err := c.open(ctx, http.MethodPost, path(name, "/core"), nil)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	d := json.NewDecoder(bufio.NewReader(body))
	for {
		var r CoreRecord
		switch err := d.Decode(&r); {
		case errors.Is(err, io.EOF):
			return 0, fmt.Errorf("read core of %s: %w", name, io.ErrUnexpectedEOF)
		case err != nil && ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case err != nil:
			return 0, fmt.Errorf("read core of %s: %w", name, err)
		case r.Lost != "":
			return 0, fmt.Errorf("core of %s lost: %s", name, r.Lost)
		case len(r.Data) == 0:
			return r.Size, nil
		}
		if err := each(r); err != nil {
			return 0, err
		}
	}
}
