package qmp

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// PassFile gives QEMU a descriptor of its own for a file, which commands then know by the name: "fd:NAME". The
// connection must be a Unix socket.
func (c *Client) PassFile(ctx context.Context, name string, f *os.File) error {
	socket, ok := c.conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("pass file to qemu: %T carries none", c.conn)
	}
	// A blank between two requests; QEMU keeps what came with it for the next getfd.
	if _, _, err := socket.WriteMsgUnix([]byte(" "), unix.UnixRights(int(f.Fd())), nil); err != nil {
		return fmt.Errorf("pass file to qemu: %w", err)
	}
	return c.Execute(ctx, "getfd", map[string]string{"fdname": name}, nil)
}
