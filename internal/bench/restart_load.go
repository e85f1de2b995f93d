package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// kvLoad is a client of a kv guest that stores records, reads them back and compares, over one connection that
// must never break.
type kvLoad struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	served  int // requests answered; all of these only after stop
	longest time.Duration
	errs    []error
}

const (
	restartRecord  = 8 << 10            // bytes
	restartRecords = 24 << 10           // at the peak: 192 MiB
	restartBatch   = 64                 // requests on the way at once
	kvPatient      = time.Minute        // for one answer: memory may be waited for
	kvTurn         = restartRecords / 2 // how far the two clients are apart
)

func startLoad(ctx context.Context, port, turn int) (*kvLoad, error) {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("connect to kv: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &kvLoad{cancel: cancel}
	l.wg.Go(func() {
		defer conn.Close()
		k := &kvClient{load: l, conn: conn, in: bufio.NewReader(conn), seed: uint64(turn)}
		if err := k.run(ctx, turn*kvTurn); err != nil && ctx.Err() == nil {
			l.errs = append(l.errs, err)
		}
	})
	return l, nil
}

func (l *kvLoad) stop() {
	l.cancel()
	l.wg.Wait()
}

// kvClient speaks the Redis protocol.
type kvClient struct {
	load *kvLoad
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
	seed uint64
}

// run stores records up to the peak, comparing what is there now and then, drops them all and begins again.
func (k *kvClient) run(ctx context.Context, first int) error {
	for at := first; ctx.Err() == nil; at += restartBatch {
		if at >= restartRecords {
			if err := k.flush(); err != nil {
				return err
			}
			at, first = 0, 0
		}
		if err := k.store(at); err != nil {
			return err
		}
		if err := k.compare(first + rand.IntN((at-first)/restartBatch+1)*restartBatch); err != nil {
			return err
		}
	}
	return nil
}

func (k *kvClient) value(n int) []byte {
	v := make([]byte, restartRecord)
	r := rand.New(rand.NewPCG(k.seed, uint64(n)))
	for i := 0; i < len(v); i += 8 {
		x := r.Uint64()
		for j := range 8 {
			v[i+j] = byte(x >> (8 * j))
		}
	}
	return v
}

func (k *kvClient) store(from int) error {
	for n := from; n < from+restartBatch; n++ {
		k.ask([]byte("SET"), fmt.Appendf(nil, "k%d", n), k.value(n))
	}
	return k.answers(restartBatch, func(int, []byte) error { return nil })
}

func (k *kvClient) compare(from int) error {
	for n := from; n < from+restartBatch; n++ {
		k.ask([]byte("GET"), fmt.Appendf(nil, "k%d", n))
	}
	return k.answers(restartBatch, func(i int, got []byte) error {
		if !bytes.Equal(got, k.value(from+i)) {
			return fmt.Errorf("record %d is not what was stored", from+i)
		}
		return nil
	})
}

func (k *kvClient) flush() error {
	k.ask([]byte("FLUSHALL"))
	return k.answers(1, func(int, []byte) error { return nil })
}

func (k *kvClient) ask(words ...[]byte) {
	fmt.Fprintf(&k.out, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&k.out, "$%d\r\n%s\r\n", len(w), w)
	}
}

// answers sends what was asked and takes n answers.
func (k *kvClient) answers(n int, each func(int, []byte) error) error {
	began := time.Now()
	if err := k.conn.SetDeadline(began.Add(kvPatient)); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := k.conn.Write(k.out.Bytes())
		sent <- err
	}()
	var err error
	for i := 0; i < n && err == nil; i++ {
		var got []byte
		if got, err = k.answer(); err == nil {
			k.load.served++
			err = each(i, got)
		}
	}
	if err != nil {
		k.conn.Close() // frees the writer
	}
	err = errors.Join(err, <-sent)
	k.out.Reset()
	k.load.longest = max(k.load.longest, time.Since(began))
	return err
}

// answer takes one answer.
func (k *kvClient) answer() ([]byte, error) {
	line, err := k.in.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	switch line = bytes.TrimRight(line, "\r\n"); {
	case len(line) > 0 && line[0] == '+':
		return line[1:], nil
	case len(line) > 0 && line[0] == '$':
		n, err := strconv.Atoi(string(line[1:]))
		if err != nil || n < 0 || n > restartRecord {
			return nil, fmt.Errorf("read answer: %q in place of a record", line)
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(k.in, b); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		return b[:n], nil
	}
	return nil, fmt.Errorf("read answer: %q", line)
}
