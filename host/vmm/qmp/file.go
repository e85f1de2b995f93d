package qmp

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// AddFile gives QEMU a descriptor of its own for a file, and returns its number in QEMU and the set of descriptors that
// command remove-fd takes it out by. The connection must be a Unix socket.
func (c *Client) AddFile(ctx context.Context, f *os.File) (number, set int, err error) {
	if err := c.hand(f); err != nil {
		return 0, 0, err
	}
	var added struct {
		FD  int `json:"fd"`
		Set int `json:"fdset-id"`
	}
	err = c.Execute(ctx, "add-fd", nil, &added)
	return added.FD, added.Set, err
}

// PassFile gives QEMU a descriptor of its own for a file, which commands then know by the name: "fd:NAME". The
// connection must be a Unix socket.
func (c *Client) PassFile(ctx context.Context, name string, f *os.File) error {
	if err := c.hand(f); err != nil {
		return err
	}
	return c.Execute(ctx, "getfd", map[string]string{"fdname": name}, nil)
}

// hand sends a descriptor, which QEMU keeps for the next command that takes one.
func (c *Client) hand(f *os.File) error {
	socket, ok := c.conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("pass file to qemu: %T carries none", c.conn)
	}
	// A blank between two requests carries it.
	if _, _, err := socket.WriteMsgUnix([]byte(" "), unix.UnixRights(int(f.Fd())), nil); err != nil {
		return fmt.Errorf("pass file to qemu: %w", err)
	}
	return nil
}
