package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/tidwall/redcon"
)

// dial starts a server on a free port and connects to it.
func dial(t *testing.T) net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := redcon.NewServer("", newStore().handle, nil, nil)
	go srv.Serve(ln)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); srv.Close() })
	return conn
}

func TestCommands(t *testing.T) {
	conn := dial(t)
	in := bufio.NewReader(conn)
	for _, c := range []struct{ send, want string }{
		{"PING", "+PONG\r\n"},
		{"ECHO x", "$1\r\nx\r\n"},
		{"SET a 1", "+OK\r\n"},
		{"SET b 22", "+OK\r\n"},
		{"GET a", "$1\r\n1\r\n"},
		{"GET none", "$-1\r\n"},
		{"MGET a none b", "*3\r\n$1\r\n1\r\n$-1\r\n$2\r\n22\r\n"},
		{"DBSIZE", ":2\r\n"},
		{"DEL a none", ":1\r\n"},
		{"FLUSHALL", "+OK\r\n"},
		{"DBSIZE", ":0\r\n"},
		{"CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"},
		{"SET a", "-ERR wrong number of arguments for \"set\"\r\n"},
		{"NONSENSE", "-ERR unknown command \"nonsense\"\r\n"},
	} {
		words := strings.Fields(c.send)
		fmt.Fprintf(conn, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(w), w)
		}
		got := make([]byte, len(c.want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != c.want {
			t.Fatalf("%s: got %q, %v; want %q", c.send, got, err, c.want)
		}
	}
}
