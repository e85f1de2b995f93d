package daemontest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm/qmp/qmptest"
	"github.com/silo-os/silo/hvcall"
)

// fakeName is the name under which this test binary is a QEMU with a guest in it that does what cmd/silo's test program
// does. It listens, runs on and ends as QEMU does, in a fraction of the time.
const fakeName = "qemu-system-x86_64"

// fakeQEMU is a machine and its guest.
type fakeQEMU struct {
	args      string
	cont      chan struct{}
	contOnce  sync.Once
	requested atomic.Int64

	mu   sync.Mutex
	qmp  *qmptest.Server // the newest
	port *hvcall.Conn    // likewise, once it was welcomed

	stop chan struct{}
	once sync.Once
}

func beQEMU() {
	if filepath.Base(os.Args[0]) != fakeName {
		return
	}
	q := &fakeQEMU{args: strings.Join(os.Args, "\n"), cont: make(chan struct{}), stop: make(chan struct{})}
	for range strings.Count(q.args, "memory-backend-memfd,") {
		if _, err := unix.MemfdCreate("memory-backend-memfd", 0); err != nil {
			panic(err)
		}
	}
	go accept(q.fd("qmp"), q.control)
	app := make(chan hvcall.Welcome, 1)
	go accept(q.fd("hvcall"), func(c net.Conn) { q.speak(c, app) })
	q.run(<-app)
	os.Exit(0)
}

// fd is the number of the socket that a chardev listens on.
func (q *fakeQEMU) fd(chardev string) int {
	_, rest, _ := strings.Cut(q.args, "socket,id="+chardev+",fd=")
	number, _, _ := strings.Cut(rest, ",")
	fd, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	return fd
}

func accept(fd int, serve func(net.Conn)) {
	if err := unix.Listen(fd, 1); err != nil {
		panic(err)
	}
	l, err := net.FileListener(os.NewFile(uintptr(fd), "socket"))
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		serve(c)
	}
}

// control is QMP.
func (q *fakeQEMU) control(c net.Conn) {
	s := qmptest.Serve(c)
	_, rest, _ := strings.Cut(q.args, "-uuid\n")
	uuid, _, _ := strings.Cut(rest, "\n")
	for name, h := range map[string]func(json.RawMessage) any{
		"query-uuid":      func(json.RawMessage) any { return map[string]string{"UUID": uuid} },
		"query-cpus-fast": func(json.RawMessage) any { return []map[string]int{{"cpu-index": 0, "thread-id": os.Getpid()}} },
		"qom-get":         func(json.RawMessage) any { return q.requested.Load() },
		"query-status": func(json.RawMessage) any {
			select {
			case <-q.cont:
				return map[string]string{"status": "running"}
			default:
				return map[string]string{"status": "prelaunch"}
			}
		},
		"cont": func(json.RawMessage) any { q.contOnce.Do(func() { close(q.cont) }); return nil },
		"qom-set": func(args json.RawMessage) any {
			var set struct{ Value int64 }
			if json.Unmarshal(args, &set) == nil {
				q.requested.Store(set.Value)
			}
			return nil
		},
	} {
		s.Handle(name, func(args json.RawMessage) (any, error) { return h(args), nil })
	}
	q.mu.Lock()
	q.qmp = s
	q.mu.Unlock()
}

// speak is PID 1 to one host.
func (q *fakeQEMU) speak(c net.Conn, app chan<- hvcall.Welcome) {
	<-q.cont
	conn := hvcall.NewConn(c, hvcall.Config{})
	go conn.Serve(context.Background(), func(_ context.Context, f hvcall.Frame) ([]byte, error) {
		if f.Op == hvcall.OpShutdown {
			q.once.Do(func() { close(q.stop) })
		}
		return nil, nil
	})
	w, err := conn.SayHello(context.Background(), hvcall.Hello{Role: hvcall.RolePID1, NumCPU: 1})
	if err != nil {
		return // the host has gone
	}
	_ = conn.SendDemand(hvcall.Demand{Revision: uint64(time.Now().UnixNano()), Memory: 64 << 20, MilliCPU: 1000}) // restated to the next host
	q.mu.Lock()
	q.port = conn
	q.mu.Unlock()
	select {
	case app <- w:
	default:
	}
}

// untilTaken repeats until a host has taken something.
func (q *fakeQEMU) untilTaken(send func(context.Context, *hvcall.Conn) error) {
	for {
		q.mu.Lock()
		conn := q.port
		q.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := send(ctx, conn)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (q *fakeQEMU) say(text string) {
	q.untilTaken(func(ctx context.Context, c *hvcall.Conn) error { return c.PutLog(ctx, hvcall.StreamOut, []byte(text)) })
}

// run is the application, and its end the guest's.
func (q *fakeQEMU) run(w hvcall.Welcome) {
	exit := hvcall.Exit{Cause: hvcall.CauseExit}
	switch w.Args[0] {
	case "wait":
		q.say("waiting\n")
		<-q.stop
		exit.Code = 3
	case "exit":
		exit.Code, _ = strconv.Atoi(w.Args[1])
	case "later":
		q.say("soon\n")
		time.Sleep(200 * time.Millisecond)
		exit.Code = 9
	case "count":
		for n := 0; ; n++ {
			q.say(fmt.Sprintln("count", n))
			select {
			case <-q.stop:
				q.say("stopped\n")
			case <-time.After(time.Millisecond):
				continue
			}
			break
		}
	}
	q.untilTaken(func(ctx context.Context, c *hvcall.Conn) error { return c.SendExit(ctx, exit) })
	q.mu.Lock()
	defer q.mu.Unlock()
	q.qmp.Emit("SHUTDOWN", map[string]any{"guest": true, "reason": "guest-shutdown"})
}
