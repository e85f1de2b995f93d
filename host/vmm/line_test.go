package vmm

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestLineHeld: nobody gets through while a line is held, and nothing of what they want is lost.
func TestLineHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := newLine(near)
		defer l.Close()
		heard := make(chan string, 9)
		go func() {
			b := make([]byte, 9)
			for {
				n, err := l.Read(b)
				if err != nil {
					return
				}
				heard <- string(b[:n])
			}
		}()
		synctest.Wait() // it reads
		letGo := l.hold()
		written := make(chan error, 1)
		go func() { _, err := l.Write([]byte("out")); written <- err }()
		go func() { _, _ = far.Write([]byte("in")) }()
		time.Sleep(time.Minute)
		if len(heard)+len(written) != 0 {
			t.Fatal("it got through")
		}
		letGo()
		b := make([]byte, 3)
		if _, err := io.ReadFull(far, b); err != nil || string(b) != "out" {
			t.Errorf("%q, %v", b, err)
		}
		if in, err := <-heard, <-written; in != "in" || err != nil {
			t.Errorf("%q, %v", in, err)
		}
	})
}

// TestLineHeldInTheMiddle: what was written in part is written to its end, once.
func TestLineHeldInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := newLine(near)
		go func() {
			if n, err := l.Write([]byte("0123456789")); n != 10 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			l.Close()
		}()
		b := make([]byte, 4)
		if _, err := io.ReadFull(far, b); err != nil {
			t.Fatal(err)
		}
		letGo := l.hold()
		letGo()
		rest, err := io.ReadAll(far)
		if got := string(b) + string(rest); got != "0123456789" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestLineDeadlines: a deadline counts while the line is held and after it was.
func TestLineDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _ := net.Pipe()
		l := newLine(near)
		defer l.Close()
		letGo := l.hold()
		_ = l.SetDeadline(time.Now().Add(time.Second))
		if _, err := l.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("held: %v", err)
		}
		_ = l.SetDeadline(time.Now().Add(time.Second))
		letGo()
		if _, err := l.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("let go: %v", err)
		}
	})
}

// TestLineClosed: who waits for a line that is closed waits no more.
func TestLineClosed(t *testing.T) {
	near, _ := net.Pipe()
	l := newLine(near)
	letGo := l.hold()
	go l.Close()
	if _, err := l.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	letGo()
}
