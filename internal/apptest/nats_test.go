package apptest

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/silo-os/silo/host/volume"
)

// TestNats: messages in their order, and so many subscriptions that the guest must grow for them.
func TestNats(t *testing.T) {
	s := serve(t, image(t, Nats), volume.Store{}, nil, []int{4222})
	var conn *nats.Conn
	s.until("connect", func() (err error) {
		conn, err = nats.Connect("nats://"+s.addr(0), nats.Timeout(5*time.Second), nats.NoReconnect())
		return err
	})
	defer conn.Close()
	inOrder(t, conn)
	before := s.guest.Observe().Granted
	crowd(t, conn)
	if after := s.guest.Observe().Granted; after < before+16*mib {
		t.Errorf("the guest held %d bytes, and %d with its subscriptions", before, after)
	}
	inOrder(t, conn)
	s.stop(0)
}

// inOrder publishes and reads what was published.
func inOrder(t *testing.T, conn *nats.Conn) {
	t.Helper()
	const messages = 5000
	sub, err := conn.SubscribeSync("numbers")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 512)
	for i := range messages {
		binary.LittleEndian.PutUint64(payload, uint64(i))
		if err := conn.Publish("numbers", payload); err != nil {
			t.Fatal(err)
		}
	}
	for i := range messages {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if got := binary.LittleEndian.Uint64(m.Data); got != uint64(i) || len(m.Data) != len(payload) {
			t.Fatalf("message %d is %d of %d bytes", i, got, len(m.Data))
		}
	}
}

// crowd makes a hundred thousand subscriptions, each of which the server remembers.
func crowd(t *testing.T, conn *nats.Conn) {
	t.Helper()
	for i := range 100_000 {
		if _, err := conn.Subscribe(fmt.Sprintf("crowd.%d.of-many-that-are-never-written-to", i), func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}
