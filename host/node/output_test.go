package node

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/silo-os/silo/hvcall"
	"github.com/silo-os/silo/internal/lockedbuf"
)

func TestOutput(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		var out, errs, init lockedbuf.Buffer
		g, vm, guest := r.boot(GuestSpec{Stdout: &out, Stderr: &errs, InitLog: &init})
		long := strings.Repeat("0123456789abcdef", 2*hvcall.MaxLog/16)
		for _, s := range []struct {
			stream hvcall.Stream
			text   string
		}{{hvcall.StreamOut, "no line end"}, {hvcall.StreamErr, "oops\n"}, {hvcall.StreamInit, "level=INFO\n"}, {hvcall.StreamOut, long}} {
			if err := guest.Conn().SendLog(s.stream, []byte(s.text)); err != nil {
				t.Error(err)
			}
		}
		exit(t, guest, hvcall.Exit{Cause: hvcall.CauseExit})
		powerOff(vm)
		if _, err := g.Wait(); err != nil {
			t.Error(err)
		}
		if out.String() != "no line end"+long || errs.String() != "oops\n" || init.String() != "level=INFO\n" {
			t.Errorf("out %d bytes, err %q, init %q", len(out.String()), errs.String(), init.String())
		}
	})
}

// TestSlowReader: the guest waits for a reader that does not read, and nothing is lost once it does.
func TestSlowReader(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		pr, pw := io.Pipe()
		g, vm, guest := r.boot(GuestSpec{Stdout: pw})
		const pieces = 2 * outputRoom / hvcall.MaxLog
		sent := make(chan error)
		go func() {
			for range pieces {
				if err := guest.Conn().SendLog(hvcall.StreamOut, make([]byte, hvcall.MaxLog)); err != nil {
					sent <- err
				}
			}
			sent <- nil
		}()
		synctest.Wait()
		select {
		case err := <-sent:
			t.Errorf("the guest did not wait: %v", err)
		default:
		}
		n := make(chan int64)
		go func() {
			got, _ := io.Copy(io.Discard, pr)
			n <- got
		}()
		if err := <-sent; err != nil {
			t.Error(err)
		}
		exit(t, guest, hvcall.Exit{Cause: hvcall.CauseExit})
		powerOff(vm)
		if _, err := g.Wait(); err != nil {
			t.Error(err)
		}
		pw.Close()
		if got := <-n; got != pieces*hvcall.MaxLog {
			t.Errorf("read %d of %d bytes", got, pieces*hvcall.MaxLog)
		}
	})
}

// TestKillDoesNotWaitForAReader: when nobody reads, the output of a killed guest is given up.
func TestKillDoesNotWaitForAReader(t *testing.T) {
	for _, before := range []bool{true, false} {
		inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
			pr, pw := io.Pipe()
			defer pr.Close() // the writer is stuck in it for good
			g, vm, guest := r.boot(GuestSpec{Stdout: pw})
			go func() {
				for guest.Conn().SendLog(hvcall.StreamOut, make([]byte, hvcall.MaxLog)) == nil {
				}
			}()
			synctest.Wait()
			if before {
				powerOff(vm)
				synctest.Wait()
			}
			start := time.Now()
			g.Kill()
			if _, err := g.Wait(); err != nil || time.Since(start) != flushAfterKill {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	}
}

// TestReaderGone: an application goes on when nobody reads its output any more.
func TestReaderGone(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		pr, pw := io.Pipe()
		pr.CloseWithError(errors.New("broken pipe"))
		_, _, guest := r.boot(GuestSpec{Stdout: pw})
		for range 3 * outputRoom / hvcall.MaxLog {
			if err := guest.Conn().SendLog(hvcall.StreamOut, make([]byte, hvcall.MaxLog)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
