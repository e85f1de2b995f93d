package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/silo-os/silo/host/nodeapi"
)

// A guest may write logPace bytes a second, and logBurst before that counts. Who writes more waits, and with it the
// application: the disk is everybody's.
const (
	logPace  = 4 << 20
	logBurst = 16 << 20
)

// logRoom is how large a file of a guest's log becomes before the next is begun, bytes. Two are kept.
const logRoom = 8 << 20

// guestLog is what a guest wrote, as JSON records in two files, the older one replaced when the newer is full. A
// record that was half written when the power went is cut off.
type guestLog struct {
	dir  string
	room int64
	pace *rate.Limiter

	mu      sync.Mutex
	file    *os.File
	size    int64
	seq     int64
	grown   chan struct{} // closed, and replaced, with each record and at the end
	current bool          // somebody writes
}

func (l *guestLog) path() string  { return filepath.Join(l.dir, "log") }
func (l *guestLog) older() string { return filepath.Join(l.dir, "log.1") }

// openLog opens a guest's log for appending.
func openLog(dir string) (*guestLog, error) {
	l := &guestLog{dir: dir, room: logRoom, pace: rate.NewLimiter(logPace, logBurst), grown: make(chan struct{}), current: true}
	f, err := os.OpenFile(l.path(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l.file = f
	if err := l.recover(); err != nil {
		f.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

// recover finds the end of the last whole record, and its number.
func (l *guestLog) recover() error {
	r := bufio.NewReader(l.file)
	for {
		line, err := r.ReadBytes('\n')
		var rec nodeapi.LogRecord
		if err != nil || json.Unmarshal(line, &rec) != nil {
			break
		}
		l.size += int64(len(line))
		l.seq = rec.Seq
	}
	if l.seq == 0 { // the file is new: its numbers go on from the older one
		if last, err := lastSeq(l.older()); err == nil {
			l.seq = last
		}
	}
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

func lastSeq(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	b = bytes.TrimRight(b, "\n")
	var rec nodeapi.LogRecord
	err = json.Unmarshal(b[bytes.LastIndexByte(b, '\n')+1:], &rec)
	return rec.Seq, err
}

// stream is an io.Writer for one of a guest's streams.
func (l *guestLog) stream(name string) io.Writer { return logStream{l, name} }

type logStream struct {
	log  *guestLog
	name string
}

// Write waits while the guest has written too much of late.
func (s logStream) Write(p []byte) (int, error) {
	_ = s.log.pace.WaitN(context.Background(), min(len(p), logBurst)) // a frame is far less than the burst
	if err := s.log.add(s.name, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *guestLog) add(stream string, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := json.Marshal(nodeapi.LogRecord{Seq: l.seq + 1, Time: time.Now(), Stream: stream, Data: data})
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	line = append(line, '\n')
	if l.size > 0 && l.size+int64(len(line)) > l.room {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
	}
	if n, err := l.file.Write(line); err != nil {
		if n > 0 { // half a record would make those after it unreadable
			_ = l.file.Truncate(l.size)
			_, _ = l.file.Seek(l.size, io.SeekStart)
		}
		return fmt.Errorf("write log: %w", err)
	}
	l.size += int64(len(line))
	l.seq++
	close(l.grown)
	l.grown = make(chan struct{})
	return nil
}

func (l *guestLog) rotate() error {
	if err := os.Rename(l.path(), l.older()); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path(), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	l.file.Close()
	l.file, l.size = f, 0
	return nil
}

// close ends the writing. Readers that follow end when they have read all.
func (l *guestLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.current {
		return
	}
	l.current = false
	l.file.Close()
	close(l.grown)
}

func (l *guestLog) writable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// now is the number of the newest record, what is closed when there is another, and whether there may be one.
func (l *guestLog) now() (seq int64, grown <-chan struct{}, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq, l.grown, l.current
}
