package nodeapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/silo-os/silo/hvcall"
)

// Client speaks to one node.
type Client struct {
	target Target
	http   *http.Client
}

// NewClient makes a client. Nothing is connected until it is used.
func NewClient(t Target) (*Client, error) {
	if (t.Socket == "") == (t.Address == "") {
		return nil, errors.New("make client: give a socket or an address")
	}
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dial(ctx) },
		DisableCompression: true,
	}
	return &Client{target: t, http: &http.Client{Transport: transport}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Info says who answers.
func (c *Client) Info(ctx context.Context) (i Info, err error) {
	return i, c.call(ctx, http.MethodGet, "", nil, &i)
}

// Create has a guest started and returns when its machine runs.
func (c *Client) Create(ctx context.Context, s Spec) (g Guest, err error) {
	return g, c.call(ctx, http.MethodPost, "/guests", s, &g)
}

// Guests lists the guests, oldest first.
func (c *Client) Guests(ctx context.Context) (gs []Guest, err error) {
	return gs, c.call(ctx, http.MethodGet, "/guests", nil, &gs)
}

// Guest says how a guest stands.
func (c *Client) Guest(ctx context.Context, name string) (g Guest, err error) {
	return g, c.call(ctx, http.MethodGet, path(name, ""), nil, &g)
}

// Set changes a running guest's bounds.
func (c *Client) Set(ctx context.Context, name string, to Change) (g Guest, err error) {
	return g, c.call(ctx, http.MethodPatch, path(name, ""), to, &g)
}

// Stop asks a guest to end and returns when it has. It is not started again.
func (c *Client) Stop(ctx context.Context, name string, s Stop) (g Guest, err error) {
	return g, c.call(ctx, http.MethodPost, path(name, "/stop"), s, &g)
}

// Kill ends a guest at once and returns when it has ended. It is not started again.
func (c *Client) Kill(ctx context.Context, name string) (g Guest, err error) {
	return g, c.call(ctx, http.MethodPost, path(name, "/kill"), nil, &g)
}

// Profile asks a guest's application for a profile of itself.
func (c *Client) Profile(ctx context.Context, name string, p hvcall.Profile) ([]byte, error) {
	var made Profile
	err := c.call(ctx, http.MethodPost, path(name, "/profile"), p, &made)
	return made.Data, err
}

// Remove forgets a guest that has ended, and its log.
func (c *Client) Remove(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, path(name, ""), nil, nil)
}

// Wait waits until a guest has ended and will not be started again.
func (c *Client) Wait(ctx context.Context, name string) (e hvcall.Exit, err error) {
	return e, c.call(ctx, http.MethodGet, path(name, "/wait"), nil, &e)
}

// Dump is all that the broker knows.
func (c *Client) Dump(ctx context.Context) (d Dump, err error) {
	return d, c.call(ctx, http.MethodGet, "/dump", nil, &d)
}

// Logs hands a guest's log to each, record by record. The error of each ends it.
func (c *Client) Logs(ctx context.Context, name string, q LogQuery, each func(LogRecord) error) error {
	query := url.Values{"after": {strconv.FormatInt(q.After, 10)}, "follow": {strconv.FormatBool(q.Follow)}}
	body, err := c.open(ctx, http.MethodGet, path(name, "/logs")+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(bufio.NewReader(body))
	for {
		var r LogRecord
		switch err := d.Decode(&r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read log of %s: %w", name, err)
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

func path(name, rest string) string { return "/guests/" + url.PathEscape(name) + rest }

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := c.open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("read answer of node: %w", err)
	}
	return nil
}

// open sends a request and returns the body of an answer that is no refusal.
func (c *Client) open(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("ask node: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://node/"+Version+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unanswered(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var refusal Error
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&refusal); err != nil || refusal.Message == "" {
		return nil, fmt.Errorf("ask node at %s: %s", c.target, resp.Status)
	}
	return nil, &refusal
}

// unanswered tells a node that is not there from a call that was given up.
func (c *Client) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var nested *url.Error
	if errors.As(err, &nested) {
		err = nested.Err
	}
	return &NoNodeError{Target: c.target.String(), Err: err}
}
