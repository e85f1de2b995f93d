package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/internal/bench/volumeload/proof"
)

const (
	volumeWindow = 8 // records on their way at once
	volumeMost   = time.Second
	volumeBoot   = 1500 * time.Millisecond // about what a guest needs to mount
)

// volumeLane is a volume with what was written to it.
type volumeLane struct {
	*volumeRun
	name string

	round uint64 // the one that wrote last
	acked uint64 // records that it acknowledged
}

// all takes rounds until full have begun in all lanes together, and looks for what the last one wrote.
func (l *volumeLane) all(ctx context.Context, full int) error {
	for {
		n := int(l.begun.Add(1))
		if n > full {
			break
		}
		lost, err := l.once(ctx, rand.N(volumeEarly) == 0)
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", n, l.name, err)
		}
		l.over(lost, full)
	}
	lost, err := l.last(ctx)
	if err != nil {
		return fmt.Errorf("what %s has at the end: %w", l.name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after += lost
	return nil
}

// over notes the end of a round.
func (r *volumeRun) over(lost float64, full int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, lost)
	if n := len(r.lost); n%20 == 0 || n == full {
		fmt.Fprintf(r.cfg.Out, "kill %d of %d: %d records acknowledged, %d faults\n", n, full, r.written, len(r.faults))
	}
}

// volumeGuest is a guest with the volume.
type volumeGuest struct {
	*node.Guest
	said *listener // that its program serves
}

func (l *volumeLane) start(ctx context.Context) (volumeGuest, error) {
	said := newListener(proof.Serving)
	g, err := l.node.Start(ctx, node.GuestSpec{
		Kernel: l.image.KernelPath(), Initramfs: l.image.InitramfsPath(), Memory: node.Memory{Min: 48 << 20, Max: 128 << 20},
		CPU:   node.CPU{MinMilli: 1000 / volumeLanes, MaxMilli: 1000},
		Ports: []vmm.Forward{{GuestPort: 7000}}, Volumes: []node.Volume{{Name: l.name, Path: "/data", Size: volumeSize}}, Stdout: said,
	})
	return volumeGuest{g, said}, err
}

// once is one round: a guest starts, says what it found, writes, and is killed.
func (l *volumeLane) once(ctx context.Context, early bool) (lost float64, err error) {
	g, err := l.start(ctx)
	if err != nil {
		return 0, err
	}
	if early {
		l.mu.Lock()
		l.early++
		l.mu.Unlock()
		err = pause(ctx, rand.N(volumeBoot))
	} else {
		lost, err = l.write(ctx, g)
	}
	if kill := syscall.Kill(g.PID(), syscall.SIGKILL); err == nil && kill != nil && !errors.Is(kill, syscall.ESRCH) {
		err = fmt.Errorf("kill QEMU: %w", kill)
	}
	<-g.Done()
	if err != nil {
		return 0, err
	}
	whole, err := l.fsck(ctx)
	if whole != "" {
		lost++
		l.fault("%s, round %d: file system: %s", l.name, l.round, whole)
	}
	return lost, err
}

// last looks for what the last round wrote and ends its guest in good order.
func (l *volumeLane) last(ctx context.Context) (lost float64, err error) {
	g, err := l.start(ctx)
	if err != nil {
		return 0, err
	}
	conn, lost, err := l.meet(ctx, g)
	if err != nil {
		g.Kill()
		<-g.Done()
		return 0, err
	}
	conn.Close()
	return lost, g.Shutdown(ctx, 10*time.Second)
}

// meet hears what a guest found and holds it against what was acknowledged.
func (l *volumeLane) meet(ctx context.Context, g volumeGuest) (conn net.Conn, lost float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, volumeWithin)
	defer cancel()
	if _, err := g.said.wait(ctx, g.Done()); errors.Is(err, errGone) {
		exit, err := g.Wait()
		return nil, 0, errors.Join(fmt.Errorf("the guest ended: %s: %s", exit.Cause, exit.Text), err)
	} else if err != nil {
		return nil, 0, fmt.Errorf("the guest does not serve: %w", err)
	}
	conn, found, err := greet(g.Forwards()[0].HostAddr())
	if err != nil {
		return nil, 0, fmt.Errorf("the guest does not answer: %w", err)
	}
	return conn, l.compare(found), nil
}

// compare returns how much of what was acknowledged is lost.
func (l *volumeLane) compare(found proof.Report) (lost float64) {
	if found.Wrong != "" {
		lost++
		l.fault("%s, round %d: %s", l.name, l.round, found.Wrong)
	}
	there := found.Records
	if found.Round < l.round {
		there = 0 // the whole round is gone
	}
	if there < l.acked {
		lost += float64(l.acked - there)
		l.fault("%s, round %d: %d records were acknowledged, %d are there (round %d)", l.name, l.round, l.acked, there, found.Round)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found += found.Records
	return lost
}

// greet connects to the program in the guest, which serves.
func greet(addr string) (net.Conn, proof.Report, error) {
	var found proof.Report
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, found, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	line, err := bufio.NewReaderSize(conn, 4096).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &found)
	}
	if err != nil {
		conn.Close()
	}
	_ = conn.SetReadDeadline(time.Time{})
	return conn, found, err
}

// write has a guest write a new round for a while, and returns how much was lost of the one before.
func (l *volumeLane) write(ctx context.Context, g volumeGuest) (lost float64, err error) {
	conn, lost, err := l.meet(ctx, g)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	l.round, l.acked = l.round+1, 0
	if err := send(conn, l.round); err != nil {
		return 0, err
	}
	stop := time.Now().Add(rand.N(volumeMost))
	acks := bufio.NewReader(conn)
	for sent := uint64(0); ; {
		for ; sent < l.acked+volumeWindow; sent++ {
			if err := send(conn, sent+1); err != nil {
				return 0, err
			}
		}
		if err := conn.SetReadDeadline(stop); err != nil {
			return 0, err
		}
		switch err := l.ack(acks); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return lost, nil // with records on their way
		case err != nil:
			return 0, err
		}
	}
}

func send(w io.Writer, n uint64) error {
	_, err := w.Write(binary.LittleEndian.AppendUint64(nil, n))
	return err
}

func (l *volumeLane) ack(in io.Reader) error {
	b := make([]byte, 8)
	if _, err := io.ReadFull(in, b); err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint64(b); n != l.acked+1 {
		return fmt.Errorf("record %d was acknowledged behind %d", n, l.acked)
	}
	l.acked++
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
	return nil
}

func (r *volumeRun) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// fsck says what is wrong with the file system once its journal is replayed, which is done on a copy: the volume's own
// journal is for the next guest to replay.
func (l *volumeLane) fsck(ctx context.Context) (string, error) {
	path, err := l.store.Use(ctx, l.name, volumeSize)
	if err != nil {
		return "", err
	}
	twin := filepath.Join(l.dir, l.name+".copy")
	defer os.Remove(twin)
	if out, err := exec.CommandContext(ctx, "cp", "--sparse=always", path, twin).CombinedOutput(); err != nil {
		return "", fmt.Errorf("copy volume: %w: %s", err, out)
	}
	replay, err := exec.CommandContext(ctx, e2fsck, "-p", "-E", "journal_only", twin).CombinedOutput()
	if code := exitCode(err); code > 1 { // 1 = it was replayed
		return fmt.Sprintf("journal: code %d: %s", code, replay), ctx.Err()
	}
	out, err := exec.CommandContext(ctx, e2fsck, "-f", "-n", twin).CombinedOutput()
	if code := exitCode(err); code != 0 {
		return fmt.Sprintf("code %d: %s", code, out), ctx.Err()
	}
	return "", ctx.Err()
}

// e2fsck is where Debian has it; the PATH of users leaves it out.
const e2fsck = "/usr/sbin/fsck.ext4"

// exitCode is the code that a program ended with; one that did not run has 127.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return 127
}
