package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
)

// kvGuest is a store in a guest, with a client.
type kvGuest struct {
	*node.Guest
	addr string
	gone <-chan struct{} // closed when the guest has ended

	mu   sync.Mutex
	said tail // what the guest said last; guarded by mu
}

const (
	kvLeast = 64 << 20
	kvMost  = 1 << 30
	kvPort  = 6379

	kvValue    = 4096 // bytes
	kvPipeline = 32   // requests under way on a connection
)

// startKV starts a store on a node and waits until it serves.
func (s guestsSubject) startKV(ctx context.Context, n *node.Node, name string, cpu node.CPU) (*kvGuest, error) {
	g := &kvGuest{}
	var err error
	g.Guest, err = n.Start(ctx, node.GuestSpec{
		Name: name, Kernel: s.kv.KernelPath(), Initramfs: s.kv.InitramfsPath(),
		Memory: node.Memory{Min: kvLeast, Max: kvMost}, CPU: cpu,
		Ports: []vmm.Forward{{GuestPort: kvPort}}, Stdout: g, Stderr: g, InitLog: g, Console: g,
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-g.Ready():
		g.addr, g.gone = g.Forwards()[0].HostAddr(), g.Done()
		return g, nil
	case <-g.Done():
		return nil, g.ended()
	case <-time.After(bootDeadline):
		return nil, fmt.Errorf("guest %s was not ready within %v: %s", name, bootDeadline, g.last())
	}
}

// Write keeps the last of what the guest says.
func (g *kvGuest) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.said.Write(b)
}

func (g *kvGuest) last() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.said.lines()
}

// ended says how a guest ended that should not have.
func (g *kvGuest) ended() error {
	exit, err := g.Wait()
	if err != nil {
		return err
	}
	return fmt.Errorf("guest %s ended: %s, code %d: %s: %q", g.Name(), exit.Cause, exit.Code, exit.Text, g.last())
}

// talk runs f with a connection to the store. That the guest ended is the better error.
func (g *kvGuest) talk(ctx context.Context, f func(redis.Conn) error) error {
	c, err := redis.DialContext(ctx, "tcp", g.addr)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		err = f(c)
		stop()
		c.Close()
	}
	if err == nil {
		return nil
	}
	select {
	case <-g.gone:
		return errors.Join(err, g.ended())
	case <-ctx.Done():
		return ctx.Err()
	default:
		return fmt.Errorf("store at %s: %w", g.addr, err)
	}
}

// kvRecord is the value of a key: no two are alike.
func kvRecord(key int) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(key)*0x9e3779b97f4a7c15), kvValue/8)
}

// store sets the records from one key to another.
func (g *kvGuest) store(ctx context.Context, from, to int) error {
	return g.pipelined(ctx, from, to, func(c redis.Conn, key int) error { return c.Send("SET", key, kvRecord(key)) },
		stored)
}

// stored looks at the answer to a request to store.
func stored(key int, got any) error {
	if got != "OK" {
		return fmt.Errorf("set record %d: %v", key, got)
	}
	return nil
}

// verify reads them back and compares.
func (g *kvGuest) verify(ctx context.Context, from, to int) error {
	return g.pipelined(ctx, from, to, func(c redis.Conn, key int) error { return c.Send("GET", key) },
		same(kvRecord))
}

// same looks whether a record is what was stored under its key.
func same(record func(key int) []byte) func(int, any) error {
	return func(key int, got any) error {
		if b, ok := got.([]byte); !ok || !bytes.Equal(b, record(key)) {
			return fmt.Errorf("record %d is not as it was stored", key)
		}
		return nil
	}
}

// pipelined sends one request a key, a number of them at once, and looks at the answers.
func (g *kvGuest) pipelined(ctx context.Context, from, to int, send func(redis.Conn, int) error, look func(int, any) error) error {
	return g.talk(ctx, func(c redis.Conn) error {
		for key := from; key < to; key += kvPipeline {
			if err := exchange(c, key, min(key+kvPipeline, to), send, look); err != nil {
				return err
			}
		}
		return nil
	})
}

// exchange sends one request for each key from one to another, and then looks at all answers.
func exchange(c redis.Conn, from, to int, send func(redis.Conn, int) error, look func(int, any) error) error {
	for key := from; key < to; key++ {
		if err := send(c, key); err != nil {
			return err
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	for key := from; key < to; key++ {
		got, err := c.Receive()
		if err == nil {
			err = look(key, got)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forget deletes the records from one key to another.
func (g *kvGuest) forget(ctx context.Context, from, to int) error {
	return g.pipelined(ctx, from, to, func(c redis.Conn, key int) error { return c.Send("DEL", key) }, func(int, any) error { return nil })
}
