package bench

import (
	"bytes"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/redcon"
)

// keyValue is a server that keeps what it is told, in memory.
func keyValue(t *testing.T) (addr string, data *sync.Map) {
	t.Helper()
	data = &sync.Map{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := redcon.NewServer("", func(conn redcon.Conn, cmd redcon.Command) {
		key := string(cmd.Args[1])
		switch strings.ToLower(string(cmd.Args[0])) {
		case "set":
			data.Store(key, bytes.Clone(cmd.Args[2]))
			conn.WriteString("OK")
		case "get":
			if v, ok := data.Load(key); ok {
				conn.WriteBulk(v.([]byte))
			} else {
				conn.WriteNull()
			}
		case "del":
			data.Delete(key)
			conn.WriteInt(1)
		}
	}, nil, nil)
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	return ln.Addr().String(), data
}

// TestKVRecords: what was stored is verified, and what is gone, short or another record is found.
func TestKVRecords(t *testing.T) {
	addr, data := keyValue(t)
	g := &kvGuest{addr: addr}
	if err := g.store(t.Context(), 0, 100); err != nil {
		t.Fatal(err)
	}
	if err := g.verify(t.Context(), 0, 100); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(){
		"gone":    func() { data.Delete("77") },
		"short":   func() { data.Store("77", kvRecord(77)[1:]) },
		"another": func() { data.Store("77", kvRecord(78)) },
	} {
		spoil()
		if err := g.verify(t.Context(), 0, 100); err == nil || !strings.Contains(err.Error(), "record 77 is not as it was stored") {
			t.Errorf("%s: %v", name, err)
		}
		data.Store("77", kvRecord(77))
	}
	if err := g.forget(t.Context(), 10, 100); err != nil {
		t.Error(err)
	}
	left := 0
	data.Range(func(any, any) bool { left++; return true })
	if left != 10 {
		t.Errorf("%d records left", left)
	}
}

// TestSelectGuests: without a selection what bars are held against, with one what it names.
func TestSelectGuests(t *testing.T) {
	for selection, want := range map[string]string{
		"": "pool hostile", "hostile": "hostile", "flood,pool": "pool flood", "lies": "lies", "none": "",
	} {
		var got []string
		for _, p := range selectGuests(guestsParts(), selection) {
			got = append(got, p.name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q selects %q, want %q", selection, s, want)
		}
	}
}

// TestProcessorTimes: what this process uses is seen, and one that is not there is an error.
func TestProcessorTimes(t *testing.T) {
	before, err := processorTimes([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after[0] == before[0]; {
		if after, err = processorTimes([]int{os.Getpid()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := processorTimes([]int{1 << 30}); err == nil {
		t.Error("a process that is not there has used something")
	}
}
