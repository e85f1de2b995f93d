package qmp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// write puts requests on the connection, whole and one after the other: a command whose
// context ends can never leave half a line behind.
func (c *Client) write() {
	for {
		select {
		case line := <-c.out:
			if _, err := c.conn.Write(line); err != nil {
				c.fail(fmt.Errorf("write qmp request: %w", err))
				return
			}
		case <-c.failed:
			return
		}
	}
}

// read hands out what QEMU sends until the connection ends or breaks the protocol.
func (c *Client) read(greeted chan<- Greeting) {
	defer close(c.events)
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(make([]byte, 0, min(4096, c.cfg.MaxMessage)), c.cfg.MaxMessage)
	lines.Split(wholeLines)
	first := true
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		m, err := decode(lines.Bytes())
		if err == nil && first != (m.greeting != nil) {
			err = protocolError("greeting missing or repeated", lines.Bytes(), nil)
		}
		if err == nil {
			err = c.dispatch(m, greeted)
		}
		if err != nil {
			c.fail(err)
			return
		}
		first = false
	}
	c.fail(c.readFailure(lines.Err()))
}

func (c *Client) readFailure(err error) error {
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return protocolError(fmt.Sprintf("line longer than %d bytes", c.cfg.MaxMessage), nil, nil)
	case err == nil:
		err = io.EOF
	}
	return fmt.Errorf("read qmp: %w", err)
}

// dispatch gives one message to whoever waits for it.
func (c *Client) dispatch(m message, greeted chan<- Greeting) error {
	switch {
	case m.greeting != nil:
		greeted <- *m.greeting // buffered, and the reader admits only one
	case m.event != nil:
		c.publish(*m.event)
	case !m.reply.hasID:
		// QEMU could not parse what we sent; which command it was nobody can tell.
		if m.reply.err != nil {
			return protocolError("request rejected unread", nil, m.reply.err)
		}
		return protocolError("answer without id", nil, nil)
	default:
		c.answer(*m.reply)
	}
	return nil
}

// answer gives r to its command. One whose context has ended is not there any more.
func (c *Client) answer(r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting, ok := c.calls[r.id]; ok {
		delete(c.calls, r.id) // a second answer with this id finds nobody
		waiting <- r          // buffered
	}
}

// publish never blocks: the reader is the only sender, so taking the oldest event out
// always makes room.
func (c *Client) publish(e Event) {
	for {
		select {
		case c.events <- e:
			return
		default:
		}
		select {
		case <-c.events:
			c.dropped.Add(1)
		default:
		}
	}
}

// wholeLines splits at line ends. Unlike bufio.ScanLines it does not pass off what a dying
// peer left unfinished as a line.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}
