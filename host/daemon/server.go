package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// mostBody is the largest request, bytes: a spec with all that it may hold.
const mostBody = 1 << 20

// answer makes the answer to a request; nil = there is nothing to say.
type answer func(r *http.Request) (any, error)

// Handler serves the API. docs/API.md describes it.
func (d *Daemon) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, a := range map[string]answer{
		"GET /v1":                        func(*http.Request) (any, error) { return d.Info(), nil },
		"GET /v1/guests":                 func(*http.Request) (any, error) { return d.Guests(), nil },
		"POST /v1/guests":                d.createGuest,
		"GET /v1/guests/{name}":          func(r *http.Request) (any, error) { return d.Guest(r.PathValue("name")) },
		"PATCH /v1/guests/{name}":        d.setGuest,
		"DELETE /v1/guests/{name}":       func(r *http.Request) (any, error) { return nil, d.Remove(r.Context(), r.PathValue("name")) },
		"POST /v1/guests/{name}/stop":    d.stopGuest,
		"POST /v1/guests/{name}/kill":    func(r *http.Request) (any, error) { return d.Kill(r.Context(), r.PathValue("name")) },
		"GET /v1/guests/{name}/wait":     func(r *http.Request) (any, error) { return d.Wait(r.Context(), r.PathValue("name")) },
		"POST /v1/guests/{name}/migrate": d.migrateGuest,
		"GET /v1/peers":                  func(*http.Request) (any, error) { return d.Peers(), nil },
		"POST /v1/drain":                 func(r *http.Request) (any, error) { return d.Drain(r.Context()) },
		"POST /v1/peers/{name}/drain":    func(r *http.Request) (any, error) { return d.DrainPeer(r.Context(), r.PathValue("name")) },
		"POST /v1/moves":                 d.byPeers(d.expectGuest),
		"GET /v1/moves/{id}":             d.byPeers(func(r *http.Request) (any, error) { return d.Standing(r.PathValue("id")), nil }),
		"POST /v1/moves/{id}/run":        d.byPeers(func(r *http.Request) (any, error) { return d.RunMoved(r.Context(), r.PathValue("id")) }),
		"DELETE /v1/moves/{id}":          d.byPeers(func(r *http.Request) (any, error) { return nil, d.ForgetMove(r.Context(), r.PathValue("id")) }),
		"GET /v1/volumes":                func(*http.Request) (any, error) { return d.Volumes() },
		"DELETE /v1/volumes/{name}":      func(r *http.Request) (any, error) { return nil, d.RemoveVolume(r.Context(), r.PathValue("name")) },
		"POST /v1/guests/{name}/profile": d.profileGuest,
		"GET /v1/dump":                   func(*http.Request) (any, error) { return d.State(), nil },
	} {
		mux.Handle(pattern, a)
	}
	mux.HandleFunc("GET /v1/guests/{name}/logs", d.sendLogs)
	mux.HandleFunc("POST /v1/guests/{name}/core", d.sendCore)
	unknown := answer(func(r *http.Request) (any, error) {
		return nil, nodeapi.Refuse(nodeapi.CodeNotFound, "%s %q is not in version %s of the API", r.Method, r.URL.Path, nodeapi.Version)
	})
	mux.Handle("/", unknown)
	return http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "*" { // the router would answer it without a word
			unknown.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}), mostBody)
}

// ServeHTTP sends the answer, or the refusal.
func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := a(r)
	switch {
	case err != nil:
		sendRefusal(w, err)
	case out == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // who asked may have gone
	}
}

func sendRefusal(w http.ResponseWriter, err error) {
	refusal := asRefusal(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(refusal.Code.Status())
	_ = json.NewEncoder(w).Encode(refusal)
}

// read takes a request's body, which must be one message and nothing else.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one message")
		}
	}
	if err != nil {
		return nodeapi.Refuse(nodeapi.CodeInvalid, "read request: %v", err)
	}
	return nil
}

func (d *Daemon) createGuest(r *http.Request) (any, error) {
	var s nodeapi.Spec
	if err := read(r, &s); err != nil {
		return nil, err
	}
	return d.Create(r.Context(), s)
}

func (d *Daemon) setGuest(r *http.Request) (any, error) {
	var c nodeapi.Change
	if err := read(r, &c); err != nil {
		return nil, err
	}
	return d.Set(r.Context(), r.PathValue("name"), c)
}

func (d *Daemon) migrateGuest(r *http.Request) (any, error) {
	var m nodeapi.Migrate
	if err := read(r, &m); err != nil {
		return nil, err
	}
	return d.Migrate(r.Context(), r.PathValue("name"), m)
}

func (d *Daemon) expectGuest(r *http.Request) (any, error) {
	var a nodeapi.Arrival
	if err := read(r, &a); err != nil {
		return nil, err
	}
	return d.Expect(r.Context(), a)
}

func (d *Daemon) stopGuest(r *http.Request) (any, error) {
	var s nodeapi.Stop
	if err := read(r, &s); err != nil {
		return nil, err
	}
	if s.WithinMS < 0 || s.WithinMS > mostTime.Milliseconds() {
		return nil, nodeapi.Refuse(nodeapi.CodeInvalid, "within_ms: use 0 to %d", mostTime.Milliseconds())
	}
	return d.Stop(r.Context(), r.PathValue("name"), milliseconds(s.WithinMS))
}

func (d *Daemon) profileGuest(r *http.Request) (any, error) {
	var p hvcall.Profile
	if err := read(r, &p); err != nil {
		return nil, err
	}
	data, err := d.Profile(r.Context(), r.PathValue("name"), p)
	return nodeapi.Profile{Data: data}, err
}

// logWriteWithin is how long a client may leave a piece of log unread.
const logWriteWithin = time.Minute

// sendLogs sends a log record by record, as JSON, one a line.
func (d *Daemon) sendLogs(w http.ResponseWriter, r *http.Request) {
	q, err := logQuery(r)
	if err != nil {
		sendRefusal(w, err)
		return
	}
	out := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	begun := false
	begin := func() {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.WriteHeader(http.StatusOK)
			_ = out.Flush()
		}
	}
	if _, err := d.find(r.PathValue("name")); err == nil {
		begin()
	}
	err = d.Logs(r.Context(), r.PathValue("name"), q, func(rec nodeapi.LogRecord) error {
		_ = out.SetWriteDeadline(time.Now().Add(logWriteWithin))
		if err := enc.Encode(rec); err != nil {
			return err
		}
		return out.Flush()
	})
	switch {
	case err != nil && !begun:
		sendRefusal(w, err)
	case err != nil:
		panic(http.ErrAbortHandler) // so that nobody takes it for the whole log
	}
}

func logQuery(r *http.Request) (q nodeapi.LogQuery, err error) {
	values := r.URL.Query()
	if s := values.Get("after"); s != "" {
		if q.After, err = strconv.ParseInt(s, 10, 64); err != nil || q.After < 0 {
			return q, nodeapi.Refuse(nodeapi.CodeInvalid, "after: %q is not the number of a record", s)
		}
	}
	if s := values.Get("follow"); s != "" {
		if q.Follow, err = strconv.ParseBool(s); err != nil {
			return q, nodeapi.Refuse(nodeapi.CodeInvalid, "follow: %q is neither true nor false", s)
		}
	}
	return q, nil
}

// Serve serves the API on listeners until ctx ends or one fails.
func (d *Daemon) Serve(ctx context.Context, listeners ...Listener) error {
	server := &http.Server{
		Handler: d.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: quiet(d.cfg.Log),
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	defer server.Close()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("serve API: %w", err)
	}
}
