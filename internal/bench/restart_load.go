package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// kvLoad is a client of a kv guest that stores records, reads them back and compares, over one connection that
// must never break.
type kvLoad struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	served  int // requests answered; all of these only after wait
	longest time.Duration
	err     error
}

const (
	restartRecord  = 8 << 10            // bytes
	restartRecords = 24 << 10           // at the peak: 192 MiB
	restartBatch   = 64                 // requests on the way at once
	kvPatient      = time.Minute        // for a batch's answers: memory may be waited for
	kvTurn         = restartRecords / 2 // how far the two clients are apart
)

func startLoad(ctx context.Context, port, turn int) (*kvLoad, error) {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	conn, err := redis.DialContext(ctx, "tcp", addr, redis.DialReadTimeout(kvPatient), redis.DialWriteTimeout(kvPatient))
	if err != nil {
		return nil, fmt.Errorf("connect to kv: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &kvLoad{cancel: cancel}
	l.wg.Go(func() {
		defer conn.Close()
		k := &kvClient{load: l, conn: conn, seed: uint64(turn)}
		l.err = k.run(ctx, turn*kvTurn)
	})
	return l, nil
}

// wait waits for the end of a load that was cancelled.
func (l *kvLoad) wait() { l.wg.Wait() }

type kvClient struct {
	load *kvLoad
	conn redis.Conn
	seed uint64
}

// run stores records up to the peak, comparing what is there now and then, drops them all and begins again. Cancelled it
// drops them too: another guest may be waiting for their memory.
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
	return k.flush()
}

func (k *kvClient) value(n int) []byte {
	v := make([]byte, 0, restartRecord)
	for r := rand.New(rand.NewPCG(k.seed, uint64(n))); len(v) < restartRecord; {
		v = binary.LittleEndian.AppendUint64(v, r.Uint64())
	}
	return v
}

func (k *kvClient) store(from int) error {
	return k.ask(from, restartBatch, func(c redis.Conn, n int) error { return c.Send("SET", n, k.value(n)) }, stored)
}

func (k *kvClient) compare(from int) error {
	return k.ask(from, restartBatch, func(c redis.Conn, n int) error { return c.Send("GET", n) }, same(k.value))
}

func (k *kvClient) flush() error {
	return k.ask(0, 1, func(c redis.Conn, _ int) error { return c.Send("FLUSHALL") }, stored)
}

// ask has n requests answered, and notes how long that took.
func (k *kvClient) ask(from, n int, send func(redis.Conn, int) error, look func(int, any) error) error {
	began := time.Now()
	err := exchange(k.conn, from, from+n, send, func(key int, got any) error {
		k.load.served++
		return look(key, got)
	})
	took := time.Since(began)
	k.load.longest = max(k.load.longest, took)
	if err == nil && took > kvPatient {
		err = fmt.Errorf("%d requests took %v", n, took)
	}
	return err
}
