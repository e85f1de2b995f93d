package qmp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/host/vmm/qmp"
	"github.com/silo-os/silo/host/vmm/qmp/qmptest"
)

// dial returns a client in front of a fake server.
func dial(t *testing.T, cfg qmp.Config) (*qmp.Client, *qmptest.Server) {
	t.Helper()
	server, conn := qmptest.Pipe(t)
	client, err := qmp.NewClient(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, server
}

func TestGreeting(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	if g := client.Greeting(); g.Major != 7 || g.Minor != 2 || g.Micro != 22 || g.Package != "qmptest" {
		t.Errorf("greeting = %+v", g)
	}
	if got := server.Commands(); len(got) != 1 || got[0] != "qmp_capabilities" {
		t.Errorf("commands = %q, want the negotiation alone", got)
	}
}

func TestExecute(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	server.Handle("qom-get", func(args json.RawMessage) (any, error) {
		var a struct{ Path string }
		if err := json.Unmarshal(args, &a); err != nil {
			return nil, err
		}
		return len(a.Path), nil
	})
	var n int64
	if err := client.Execute(t.Context(), "qom-get", map[string]string{"path": "/machine"}, &n); err != nil {
		t.Fatal(err)
	}
	if n != 8 {
		t.Errorf("result = %d, want 8", n)
	}
	var wrong []string
	err := client.Execute(t.Context(), "qom-get", map[string]string{"path": ""}, &wrong)
	if err == nil || !strings.Contains(err.Error(), "decode answer of qom-get") {
		t.Errorf("answer of another shape: err = %v", err)
	}
	if err := client.Execute(t.Context(), "qom-get", make(chan int), nil); err == nil {
		t.Error("arguments that JSON cannot hold were accepted")
	}
}

func TestRefusal(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	server.Handle("device_del", func(json.RawMessage) (any, error) {
		return nil, &qmp.Error{Class: qmp.ClassDeviceNotFound, Desc: "Device 'x' \x1b[31mnot found"}
	})
	err := client.Execute(t.Context(), "device_del", nil, nil)
	var refusal *qmp.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("err = %v, want *qmp.Error", err)
	}
	if refusal.Class != qmp.ClassDeviceNotFound || refusal.Desc != "Device 'x' [31mnot found" {
		t.Errorf("refusal = %+v", refusal)
	}
	err = client.Execute(t.Context(), "no-such-command", nil, nil)
	if !errors.As(err, &refusal) || refusal.Class != qmp.ClassCommandNotFound {
		t.Errorf("unknown command: err = %v", err)
	}
}

// Answers find their commands whatever order they come in.
func TestConcurrentOutOfOrder(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	const n = 20
	var arrived sync.WaitGroup
	arrived.Add(n)
	server.Handle("echo", func(args json.RawMessage) (any, error) {
		arrived.Done()
		arrived.Wait() // none is answered before all have arrived
		return args, nil
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var got struct{ V int }
			if err := client.Execute(t.Context(), "echo", map[string]int{"V": i}, &got); err != nil || got.V != i {
				t.Errorf("command %d: got %d, %v", i, got.V, err)
			}
		})
	}
	wg.Wait()
}

// A command that outlives its context is abandoned; its late answer disturbs nobody.
func TestCommandDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := dial(t, qmp.Config{})
		server.Handle("slow", func(json.RawMessage) (any, error) {
			time.Sleep(time.Minute)
			return "late", nil
		})
		server.Handle("quick", func(json.RawMessage) (any, error) { return "in time", nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := client.Execute(ctx, "slow", nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v, want deadline exceeded", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("returned after %v, want 1 s", d)
		}
		time.Sleep(2 * time.Minute)
		var got string
		if err := client.Execute(t.Context(), "quick", nil, &got); err != nil || got != "in time" {
			t.Errorf("after an abandoned command: %q, %v", got, err)
		}
	})
}

// The peer reads nothing: Execute ends with its context all the same.
func TestDeadlineWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, near := net.Pipe()
		go io.WriteString(far, qmptest.Greeting+"\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := qmp.NewClient(ctx, near, qmp.Config{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v, want deadline exceeded", err)
		}
		if _, err := far.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("connection still open after NewClient failed: %v", err)
		}
	})
}

func TestEndedContextSendsNothing(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("overtaken")
	cancel(cause)
	for range 50 { // a random choice between two ready channels would show
		if err := client.Execute(ctx, "system_reset", nil, nil); !errors.Is(err, cause) {
			t.Fatalf("err = %v, want the context's cause", err)
		}
	}
	if got := server.Commands(); len(got) != 1 {
		t.Errorf("commands = %q, want the negotiation alone", got)
	}
}

func TestCloseFailsCommandsInFlight(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	reached := make(chan struct{})
	release := make(chan struct{})
	defer close(release)
	server.Handle("hang", func(json.RawMessage) (any, error) {
		close(reached)
		<-release
		return nil, nil
	})
	result := make(chan error)
	go func() { result <- client.Execute(context.Background(), "hang", nil, nil) }()
	<-reached
	client.Close()
	if err := <-result; !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("in flight: err = %v, want ErrClosed", err)
	}
	client.Close()
	if err := client.Execute(t.Context(), "x", nil, nil); !errors.Is(err, qmp.ErrClosed) {
		t.Errorf("after Close: err = %v, want ErrClosed", err)
	}
	if _, open := <-client.Events(); open {
		t.Error("event channel still open after Close")
	}
}

func TestPeerGone(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	server.Emit("SHUTDOWN", map[string]any{"guest": true, "reason": "guest-shutdown"})
	server.Close()
	<-client.Done()
	if err := client.Err(); !errors.Is(err, io.EOF) {
		t.Errorf("cause = %v, want EOF", err)
	}
	var last []string
	for e := range client.Events() {
		last = append(last, e.Name)
	}
	if fmt.Sprint(last) != "[SHUTDOWN]" {
		t.Errorf("events after the end = %q", last)
	}
}
