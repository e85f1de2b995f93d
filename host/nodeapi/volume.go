package nodeapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Mount is a volume of a guest: a named one, which the node makes where there is none, or a folder of the node's machine.
// One of Volume and Dir is given.
type Mount struct {
	Volume   string `json:"volume,omitempty"`
	Dir      string `json:"dir,omitempty"`  // absolute
	Path     string `json:"path"`           // where the application finds it; absolute
	Size     int64  `json:"size,omitempty"` // bytes, of a named one; 0 = the one it has, or 8 GiB
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Volume is how a named volume stands.
type Volume struct {
	Name    string    `json:"name"`
	Size    int64     `json:"size"`    // bytes that it can hold
	Used    int64     `json:"used"`    // bytes that it takes of the disk
	Busy    bool      `json:"busy"`    // a guest uses it
	Written time.Time `json:"written"` // when something was last written to it
}

// Volumes lists the node's volumes by name.
func (c *Client) Volumes(ctx context.Context) (vs []Volume, err error) {
	return vs, c.call(ctx, http.MethodGet, "/volumes", nil, &vs)
}

// RemoveVolume removes a volume that no guest uses, with all it holds.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/volumes/"+url.PathEscape(name), nil, nil)
}
