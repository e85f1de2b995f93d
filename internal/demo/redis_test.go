package demo

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/redcon"
)

// requireRedis ends the test where the clients are absent.
func requireRedis(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"redis-cli", "redis-benchmark"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("this test runs %s: apt-get install redis-tools", tool)
			}
			t.Skipf("this test runs %s: apt-get install redis-tools", tool)
		}
	}
}

// shop is a store in this process. It changes what it is told to change.
type shop struct {
	mu       sync.Mutex
	data     map[string]string
	corrupt  map[string]string // answered in place of what was stored; "" = gone
	readonly bool
}

func (s *shop) handle(c redcon.Conn, cmd redcon.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	args := make([]string, len(cmd.Args))
	for i, a := range cmd.Args {
		args[i] = string(a)
	}
	switch strings.ToLower(args[0]) {
	case "set":
		if s.readonly {
			c.WriteError("ERR read only")
			return
		}
		s.data[args[1]] = args[2]
		c.WriteString("OK")
	case "get":
		s.give(c, args[1])
	case "mget":
		c.WriteArray(len(args) - 1)
		for _, key := range args[1:] {
			s.give(c, key)
		}
	case "echo":
		c.WriteBulkString(args[1])
	case "ping":
		c.WriteString("PONG")
	case "flushall":
		clear(s.data)
		c.WriteString("OK")
	default:
		c.WriteError("ERR unknown command")
	}
}

func (s *shop) give(c redcon.Conn, key string) {
	v, ok := s.data[key]
	if bad, is := s.corrupt[key]; is {
		v, ok = bad, bad != ""
	}
	if ok {
		c.WriteBulkString(v)
	} else {
		c.WriteNull()
	}
}

// open serves the shop on a free port until the test ends.
func open(t *testing.T, s *shop) redis {
	t.Helper()
	s.data = map[string]string{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- redcon.Serve(l, s.handle, nil, nil) }()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return redis{host, port}
}

// strange has values that only an exact way there and back survives.
func strange() []Record {
	records := []Record{
		{"empty", []byte("")}, {"quotes", []byte(`"a" \ 'b'`)}, {"lines", []byte("a\nb\r\n1) \"c\"\n")}, {"nil", []byte("(nil)")},
		{"utf-8", []byte("Gésar ☃")}, {"bytes", []byte("\x00\x01\xff\xfe\x7f\a\b")}, {"long", []byte(strings.Repeat("x", 100_000))},
	}
	for i := range 3 * batch {
		records = append(records, Record{strings.Repeat("k", i+1), []byte("v")})
	}
	return records
}

func TestLoadAndCompare(t *testing.T) {
	requireRedis(t)
	s := &shop{}
	r := open(t, s)
	records := strange()
	loaded, err := r.load(t.Context(), records)
	if err != nil || loaded != len(records) {
		t.Fatalf("loaded %d of %d, %v", loaded, len(records), err)
	}
	equal, first, err := r.compare(t.Context(), records)
	if err != nil || equal != len(records) || first != "" {
		t.Errorf("%d of %d are equal; %s, %v", equal, len(records), first, err)
	}
	if err := r.say(t.Context(), "OK", "FLUSHALL"); err != nil {
		t.Error(err)
	}
	if equal, first, err := r.compare(t.Context(), records); err != nil || equal != 0 || first != "empty is gone" {
		t.Errorf("after the flush %d are equal; %s, %v", equal, first, err)
	}
}

// TestCompareSees: a comparison that sees no difference is worth nothing.
func TestCompareSees(t *testing.T) {
	requireRedis(t)
	for name, c := range map[string]struct{ bad, want string }{
		"a byte":         {"Gèsar ☃", "utf-8 has 10 bytes in place of 10, and differs from byte 2 on"},
		"a missing byte": {"Gésar ", "utf-8 has 7 bytes in place of 10, and differs from byte 7 on"},
		"one more":       {"Gésar ☃\n", "utf-8 has 11 bytes in place of 10, and differs from byte 10 on"},
		"gone":           {"", "utf-8 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shop{}
			r := open(t, s)
			records := strange()
			if _, err := r.load(t.Context(), records); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			s.corrupt = map[string]string{"utf-8": c.bad}
			s.mu.Unlock()
			equal, first, err := r.compare(t.Context(), records)
			if err != nil || equal != len(records)-1 || first != c.want {
				t.Errorf("%d of %d are equal; %q, %v; want %q", equal, len(records), first, err, c.want)
			}
		})
	}
}

func TestLoadRefused(t *testing.T) {
	requireRedis(t)
	r := open(t, &shop{readonly: true})
	if n, err := r.load(t.Context(), strange()[:3]); err == nil || n != 0 || !strings.Contains(err.Error(), "errors: 3, replies: 3") {
		t.Errorf("loaded %d, %v", n, err)
	}
}

func TestNobodyThere(t *testing.T) {
	requireRedis(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close() // a port that was free a moment ago
	r := redis{host, port}
	_, loading := r.load(t.Context(), strange())
	_, _, comparing := r.compare(t.Context(), strange())
	for what, err := range map[string]error{"load": loading, "compare": comparing, "say": r.say(t.Context(), "PONG", "PING")} {
		if err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestHammerEnds: redis-benchmark tries for ever where nobody answers. Its context ends it.
func TestHammerEnds(t *testing.T) {
	requireRedis(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	why := errors.New("the guest is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
	if err := (redis{host, port}).hammer(ctx, 1, 1); !errors.Is(err, why) {
		t.Errorf("hammer: %v", err)
	}
}

func TestSayAndHammer(t *testing.T) {
	requireRedis(t)
	s := &shop{}
	r := open(t, s)
	if err := r.say(t.Context(), "PONG", "PING"); err != nil {
		t.Error(err)
	}
	if err := r.say(t.Context(), "PANG", "PING"); err == nil || !strings.Contains(err.Error(), `answered "PONG", want "PANG"`) {
		t.Errorf("another answer: %v", err)
	}
	if err := r.say(t.Context(), "OK", "NONSENSE"); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("a command that is refused: %v", err)
	}
	if err := r.hammer(t.Context(), 2000, 100); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.data); n < 90 || n > 100 {
		t.Errorf("%d keys after hammering 100", n)
	}
	for k, v := range s.data {
		if len(v) != valueSize {
			t.Fatalf("%s has %d bytes, want %d", k, len(v), valueSize)
		}
	}
}

func TestPipeOutcome(t *testing.T) {
	for out, want := range map[string]string{
		"Last reply received from server.\nerrors: 0, replies: 7\n": "",
		"errors: 2, replies: 7\n":                                   "no outcome",
		"":                                                          "no outcome",
	} {
		n, err := pipeOutcome(out)
		if want == "" && (err != nil || n != 7) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %d, %v", out, n, err)
		}
	}
}

func TestParseArrayRefused(t *testing.T) {
	for _, out := range []string{"hello", `1) hello`, `1) "hello`, "(error) ERR"} {
		if v, err := parseArray(out); err == nil {
			t.Errorf("%q was read as %v", out, v)
		}
	}
}
