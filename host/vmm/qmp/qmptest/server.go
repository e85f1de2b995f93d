// Package qmptest is a QMP server for tests: it greets, answers commands by handlers and
// emits events as QEMU does, over an in-memory connection, without QEMU.
//
//	server, conn := qmptest.Pipe(t)
//	server.Handle("query-status", func(json.RawMessage) (any, error) {
//		return map[string]any{"running": true}, nil
//	})
//	client, err := qmp.NewClient(ctx, conn, qmp.Config{})
package qmptest

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/silo-os/silo/host/vmm/qmp"
)

// Greeting is what the server says first; it is QEMU 7.2's.
const Greeting = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "qmptest"}, "capabilities": ["oob"]}}`

// Handler answers one command. An error of type *qmp.Error is sent as it is, every other
// one as a generic error. Handlers run each in a goroutine of its own.
type Handler func(args json.RawMessage) (any, error)

// Server is the far end of a client's connection.
type Server struct {
	conn  net.Conn
	tasks sync.WaitGroup

	mu       sync.Mutex
	handlers map[string]Handler
	seen     []string

	writing sync.Mutex
}

// Pipe starts a server that greets and returns it with the client's end. Both ends are
// closed, and the server's goroutines awaited, when the test ends.
func Pipe(t testing.TB) (*Server, net.Conn) {
	far, near := net.Pipe()
	s := Serve(far)
	t.Cleanup(func() {
		near.Close()
		s.Close()
	})
	return s, near
}

// Serve starts a server on conn, which it owns, and greets.
func Serve(conn net.Conn) *Server {
	s := Silent(conn)
	s.tasks.Go(func() { s.Raw(Greeting + "\n") })
	return s
}

// Silent starts a server that does not greet by itself.
func Silent(conn net.Conn) *Server {
	s := &Server{conn: conn, handlers: make(map[string]Handler)}
	s.Handle("qmp_capabilities", func(json.RawMessage) (any, error) { return nil, nil })
	s.tasks.Go(s.serve)
	return s
}

// Handle answers command by h from now on.
func (s *Server) Handle(command string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[command] = h
}

// Commands lists what was executed so far, in the order in which it arrived.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// Emit sends an event. A nil data is left out.
func (s *Server) Emit(event string, data any) {
	m := map[string]any{
		"event":     event,
		"timestamp": map[string]int64{"seconds": 1700000000, "microseconds": 250000},
	}
	if data != nil {
		m["data"] = data
	}
	s.send(m)
}

// Raw sends bytes as they are, to show a client what a broken peer is like.
func (s *Server) Raw(bytes string) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, _ = s.conn.Write([]byte(bytes)) // a client that left is what some tests want
}

// Close ends the connection and waits for the server's goroutines.
func (s *Server) Close() {
	s.conn.Close()
	s.tasks.Wait()
}

func (s *Server) serve() {
	lines := bufio.NewScanner(s.conn)
	for lines.Scan() {
		var command struct {
			Execute   string
			Arguments json.RawMessage
			ID        json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			s.send(map[string]any{"error": wireError(errors.New("JSON parse error"))})
			continue
		}
		s.mu.Lock()
		s.seen = append(s.seen, command.Execute)
		handler := s.handlers[command.Execute]
		s.mu.Unlock()
		s.tasks.Go(func() { s.send(answer(handler, command.Execute, command.Arguments, command.ID)) })
	}
}

func answer(h Handler, command string, args, id json.RawMessage) map[string]any {
	if h == nil {
		err := &qmp.Error{Class: qmp.ClassCommandNotFound, Desc: "The command " + command + " has not been found"}
		return map[string]any{"id": id, "error": wireError(err)}
	}
	result, err := h(args)
	if err != nil {
		return map[string]any{"id": id, "error": wireError(err)}
	}
	if result == nil {
		result = struct{}{}
	}
	return map[string]any{"id": id, "return": result}
}

func wireError(err error) map[string]string {
	refusal := &qmp.Error{Class: qmp.ClassGeneric, Desc: err.Error()}
	errors.As(err, &refusal)
	return map[string]string{"class": refusal.Class, "desc": refusal.Desc}
}

func (s *Server) send(m map[string]any) {
	line, err := json.Marshal(m)
	if err != nil {
		panic("qmptest: a handler returned what JSON cannot hold: " + err.Error())
	}
	s.Raw(string(line) + "\n")
}
