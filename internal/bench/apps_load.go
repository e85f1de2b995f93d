package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"
)

// appLoad is what clients do: each worker begins its next operation when the last one was answered, or when it is due.
type appLoad struct {
	workers []func() error // one operation of a worker of its own
	each    float64        // what one operation counts for
	close   func()
}

// worked is what a load did, over one or more times.
type worked struct {
	took []time.Duration // of each operation
	span time.Duration
}

func (w *worked) add(more worked) {
	w.took, w.span = append(w.took, more.took...), w.span+more.span
}

// run has all workers work for a time.
func (l appLoad) run(ctx context.Context, span time.Duration) (worked, error) {
	return l.all(ctx, func(_ int, begin time.Time, do func() error) (took []time.Duration, err error) {
		for last := begin; last.Sub(begin) < span && ctx.Err() == nil; {
			if err := do(); err != nil {
				return nil, err
			}
			now := time.Now()
			took = append(took, now.Sub(last))
			last = now
		}
		return took, nil
	})
}

// paced has all workers together begin so many operations a second, for a time. What one took counts from when it was due: one that
// waits for the one before it waits for the server.
func (l appLoad) paced(ctx context.Context, span time.Duration, rate float64) (worked, error) {
	between := time.Duration(float64(time.Second) / rate)
	return l.all(ctx, func(i int, begin time.Time, do func() error) (took []time.Duration, err error) {
		for due := begin.Add(time.Duration(i) * between); due.Sub(begin) < span && ctx.Err() == nil; {
			time.Sleep(time.Until(due))
			if err := do(); err != nil {
				return nil, err
			}
			took = append(took, time.Since(due))
			due = due.Add(time.Duration(len(l.workers)) * between)
		}
		return took, nil
	})
}

// all has each worker work, by its number.
func (l appLoad) all(ctx context.Context, work func(i int, begin time.Time, do func() error) ([]time.Duration, error)) (worked, error) {
	took := make([][]time.Duration, len(l.workers))
	var all errgroup.Group
	begin := time.Now()
	for i, do := range l.workers {
		all.Go(func() (err error) {
			took[i], err = work(i, begin, do)
			return err
		})
	}
	if err := errors.Join(all.Wait(), ctx.Err()); err != nil {
		return worked{}, err
	}
	return worked{slices.Concat(took...), time.Since(begin)}, nil
}

// measured is what a load came to.
type measured struct {
	rate float64 // a second
	p99  time.Duration
}

// measure makes one figure of all operations, each of which counts for so many.
func (w worked) measure(each float64) (measured, error) {
	if len(w.took) == 0 {
		return measured{}, errors.New("nothing was answered")
	}
	ns := make([]float64, len(w.took))
	for i, d := range w.took {
		ns[i] = float64(d)
	}
	return measured{rate: each * float64(len(w.took)) / w.span.Seconds(), p99: time.Duration(Quantile(ns, 0.99))}, nil
}

const (
	caddyConns = 8
	caddyBytes = 16 << 10
	natsConns  = 4
	natsBatch  = 100
	natsBytes  = 512
)

// caddyLoad fetches the beginning of a file, which is there under either kernel: the server's own program.
func caddyLoad(ctx context.Context, addr string) (appLoad, error) {
	t := &http.Transport{MaxIdleConnsPerHost: caddyConns, DisableCompression: true}
	c := &http.Client{Transport: t, Timeout: 30 * time.Second}
	fetch := func() error {
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+addr+"/"+appPath, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=0-%d", caddyBytes-1))
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil && (resp.StatusCode != http.StatusPartialContent || n != caddyBytes) {
			err = fmt.Errorf("fetch file: %s, %d bytes", resp.Status, n)
		}
		return err
	}
	if err := fetch(); err != nil {
		return appLoad{}, err
	}
	return appLoad{workers: slices.Repeat([]func() error{fetch}, caddyConns), each: 1, close: t.CloseIdleConnections}, nil
}

// natsLoad publishes in batches, each flushed: the server answers when it has taken all of it.
func natsLoad(_ context.Context, addr string) (appLoad, error) {
	l := appLoad{each: natsBatch}
	var conns []*nats.Conn
	l.close = func() {
		for _, c := range conns {
			c.Close()
		}
	}
	payload := make([]byte, natsBytes)
	for range natsConns {
		c, err := nats.Connect("nats://"+addr, nats.NoReconnect(), nats.Timeout(5*time.Second))
		if err != nil {
			l.close()
			return appLoad{}, err
		}
		conns = append(conns, c)
		l.workers = append(l.workers, func() error {
			for range natsBatch {
				if err := c.Publish("bench", payload); err != nil {
					return err
				}
			}
			return c.FlushTimeout(30 * time.Second)
		})
	}
	return l, nil
}
