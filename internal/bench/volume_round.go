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

// start starts a guest with the volume.
func (r *volumeRun) start(ctx context.Context) (*node.Guest, error) {
	return r.node.Start(ctx, node.GuestSpec{
		Kernel: r.image.KernelPath(), Initramfs: r.image.InitramfsPath(), Memory: node.Memory{Min: 48 << 20, Max: 128 << 20},
		Ports: []vmm.Forward{{GuestPort: 7000}}, Volumes: []node.Volume{{Name: "crash", Path: "/data", Size: volumeSize}},
	})
}

// once is one round: a guest starts, says what it found, writes, and is killed.
func (r *volumeRun) once(ctx context.Context, early bool) error {
	g, err := r.start(ctx)
	if err != nil {
		return err
	}
	lost := 0.0
	if early {
		r.early++
		err = pause(ctx, rand.N(volumeBoot))
	} else {
		lost, err = r.write(ctx, g)
	}
	if kill := syscall.Kill(g.PID(), syscall.SIGKILL); err == nil && kill != nil && !errors.Is(kill, syscall.ESRCH) {
		err = fmt.Errorf("kill QEMU: %w", kill)
	}
	<-g.Done()
	if err != nil {
		return err
	}
	whole, err := r.fsck(ctx)
	if err != nil {
		return err
	}
	if whole != "" {
		lost++
		r.fault("file system: %s", whole)
	}
	r.lost = append(r.lost, lost)
	return nil
}

// last looks for what the last round wrote and ends its guest in good order.
func (r *volumeRun) last(ctx context.Context) error {
	g, err := r.start(ctx)
	if err != nil {
		return err
	}
	conn, _, err := r.meet(ctx, g)
	if err != nil {
		g.Kill()
		<-g.Done()
		return err
	}
	conn.Close()
	return g.Shutdown(ctx, 10*time.Second)
}

// meet hears what a guest found and holds it against what was acknowledged.
func (r *volumeRun) meet(ctx context.Context, g *node.Guest) (conn net.Conn, lost float64, err error) {
	var found proof.Report
	addr := g.Forwards()[0].HostAddr()
	for end := time.Now().Add(volumeWithin); ; {
		if conn, found, err = greet(addr); err == nil {
			break
		}
		select {
		case <-g.Done():
			exit, err := g.Wait()
			return nil, 0, fmt.Errorf("the guest ended: %s: %s %w", exit.Cause, exit.Text, err)
		default:
		}
		if time.Now().After(end) {
			return nil, 0, fmt.Errorf("the guest does not answer: %w", err)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, 0, err
		}
	}
	r.found += found.Records
	if found.Wrong != "" {
		lost++
		r.fault("round %d: %s", r.round, found.Wrong)
	}
	switch {
	case found.Round < r.round && r.acked > 0:
		found.Records = 0 // the whole round is gone
		fallthrough
	case found.Records < r.acked:
		lost += float64(r.acked - found.Records)
		r.fault("round %d: %d records were acknowledged, %d are there (round %d)", r.round, r.acked, found.Records, found.Round)
	}
	return conn, lost, nil
}

// greet connects to the program in the guest; while it does not listen yet, QEMU hangs up.
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
func (r *volumeRun) write(ctx context.Context, g *node.Guest) (lost float64, err error) {
	conn, lost, err := r.meet(ctx, g)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	r.round, r.acked = r.round+1, 0
	if err := send(conn, r.round); err != nil {
		return 0, err
	}
	stop := time.Now().Add(rand.N(volumeMost))
	acks := bufio.NewReader(conn)
	for sent := uint64(0); ; {
		for ; sent < r.acked+volumeWindow; sent++ {
			if err := send(conn, sent+1); err != nil {
				return 0, err
			}
		}
		if err := conn.SetReadDeadline(stop); err != nil {
			return 0, err
		}
		switch err := r.ack(acks); {
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

func (r *volumeRun) ack(in io.Reader) error {
	b := make([]byte, 8)
	if _, err := io.ReadFull(in, b); err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint64(b); n != r.acked+1 {
		return fmt.Errorf("record %d was acknowledged behind %d", n, r.acked)
	}
	r.acked++
	r.written++
	return nil
}

func (r *volumeRun) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// fsck says what is wrong with the file system once its journal is replayed, which is done on a copy: the volume's own
// journal is for the next guest to replay.
func (r *volumeRun) fsck(ctx context.Context) (string, error) {
	path, err := r.store.Use(ctx, "crash", volumeSize)
	if err != nil {
		return "", err
	}
	twin := filepath.Join(filepath.Dir(r.store.Dir), "copy.img")
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
