package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/silo-os/silo/host/nodeapi"
)

// read hands out the records after one, in order, and, following, those to come until the log is closed, ctx ends or
// each fails. Records that are overwritten before they are read are skipped.
func (l *guestLog) read(ctx context.Context, q nodeapi.LogQuery, each func(nodeapi.LogRecord) error) error {
	c := &logCursor{log: l, last: q.After}
	defer c.close()
	for {
		newest, grown, more := l.now()
		if c.last < newest {
			if err := c.advance(each); err != nil {
				return err
			}
			c.last = max(c.last, newest) // what is not there any more is skipped
			continue
		}
		if !q.Follow || !more {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// logCursor is a place in a log.
type logCursor struct {
	log  *guestLog
	last int64 // number of the last record handed out

	file *os.File // being read; nil = none yet
	in   *bufio.Reader
	part []byte // of a line whose end was not there yet
}

func (c *logCursor) close() {
	if c.file != nil {
		c.file.Close()
	}
}

// advance reads what has come since the last time.
func (c *logCursor) advance(each func(nodeapi.LogRecord) error) error {
	older, current, err := c.open()
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	if c.file == nil || !same(c.file, current) {
		if err := c.rest(each); err != nil || older == nil {
			return errors.Join(err, c.exchange(current, each))
		}
		if err := c.exchange(older, each); err != nil {
			current.Close()
			return err
		}
		return c.exchange(current, each)
	}
	current.Close()
	if older != nil {
		older.Close()
	}
	return c.rest(each)
}

// open opens both files, between two rotations. There may be no older one.
func (c *logCursor) open() (older, current *os.File, err error) {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if current, err = os.Open(c.log.path()); err != nil {
		return nil, nil, err
	}
	if older, err = os.Open(c.log.older()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		current.Close()
		return nil, nil, err
	}
	return older, current, nil
}

func same(a, b *os.File) bool {
	x, err1 := a.Stat()
	y, err2 := b.Stat()
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// exchange goes on in another file.
func (c *logCursor) exchange(f *os.File, each func(nodeapi.LogRecord) error) error {
	c.close()
	c.file, c.in, c.part = f, bufio.NewReader(f), nil
	return c.rest(each)
}

// rest hands out the rest of the file, as far as it is written.
func (c *logCursor) rest(each func(nodeapi.LogRecord) error) error {
	for c.file != nil {
		line, err := c.in.ReadBytes('\n')
		c.part = append(c.part, line...)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		var r nodeapi.LogRecord
		err = json.Unmarshal(c.part, &r)
		c.part = c.part[:0]
		if err != nil || r.Seq <= c.last {
			continue // what is no record was written by nobody of ours
		}
		if err := each(r); err != nil {
			return err
		}
		c.last = r.Seq
	}
	return nil
}
