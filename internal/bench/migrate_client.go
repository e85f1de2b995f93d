package bench

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// client has a client talk to the guest over one connection while it moves back and forth.
func (m *migration) client() ([]Result, error) {
	m.startNodes()
	if err := m.start("kv", 32, 5, 0); err != nil {
		return nil, err
	}
	conn, err := m.pair.Net.Client.Dial(m.ctx, "tcp", migrateIP+":7")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, stop := context.WithTimeout(m.ctx, migrateClient)
	defer stop()
	var talk migrateTalk
	var talking sync.WaitGroup
	talking.Go(func() { talk.run(ctx, conn) })
	from, to := m.pair.A, m.pair.B
	for range migrateTurns {
		if _, err := m.move(from, to, "kv", false); err != nil {
			return nil, err
		}
		from, to = to, from
		if err := pause(ctx, migrateClient/migrateTurns/2); err != nil {
			return nil, fmt.Errorf("%d moves take longer than %v", migrateTurns, migrateClient)
		}
	}
	talking.Wait()
	wrong, err := migrateErrors.With(float64(talk.errors), []float64{float64(talk.errors)}, fmt.Sprintf(
		"%d replies checked over one connection in %v, %d moves; %s", len(talk.gaps), migrateClient, migrateTurns, talk.last()))
	if err != nil {
		return nil, err
	}
	gap, err := migrateGap.With(Quantile(talk.gaps, 1), talk.gaps, "the longest that a reply took; no limit is set but a second")
	return []Result{wrong, gap}, err
}

// migrateTalk is a client's talk.
type migrateTalk struct {
	errors int
	err    error
	gaps   []float64 // milliseconds from a question to its answer
}

func (k *migrateTalk) last() string {
	if k.err == nil {
		return "none wrong"
	}
	return k.err.Error()
}

// run asks and checks until ctx ends. After an error nothing more is to be had of a connection.
func (k *migrateTalk) run(ctx context.Context, conn net.Conn) {
	in, before := bufio.NewReader(conn), ""
	for n := 1; ctx.Err() == nil; n++ {
		text, begun := fmt.Sprint("line", n), time.Now()
		_ = conn.SetDeadline(begun.Add(30 * time.Second))
		_, err := fmt.Fprintln(conn, text)
		var got string
		if err == nil {
			got, err = in.ReadString('\n')
		}
		if want := fmt.Sprintf("%d %s %s\n", n, before, text); err == nil && got != want {
			err = fmt.Errorf("reply %q, want %q", got, want)
		}
		if err != nil {
			k.errors, k.err = k.errors+1, err
			return
		}
		k.gaps = append(k.gaps, float64(time.Since(begun))/float64(time.Millisecond))
		before = text
		time.Sleep(2 * time.Millisecond)
	}
}
