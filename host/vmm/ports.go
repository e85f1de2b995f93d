package vmm

import (
	"context"
	"fmt"
	"io"
	"net"
)

// PortError says that the host cannot listen where a Forward wants it to.
type PortError struct {
	Forward Forward
	Err     error // for example one that wraps syscall.EADDRINUSE
}

// Error implements error.
func (e *PortError) Error() string {
	return fmt.Sprintf("forward %s: %v: choose another host port with -p HOST:GUEST", e.Forward, e.Err)
}

// Unwrap returns the reason.
func (e *PortError) Unwrap() error { return e.Err }

// ChoosePorts puts a free port where none was named, for who must know the ports before the machine starts, and proves that the
// others can be listened on now. Errors: *PortError.
func ChoosePorts(ctx context.Context, forwards []Forward) ([]Forward, error) {
	return claimPorts(ctx, forwards)
}

// claimPorts proves that each address can be listened on, by doing so, and puts a free
// port where none was named. All are held until the last is claimed, so that forwards
// which exclude each other are found as well. Between the release and QEMU's own listening
// somebody else may come; QEMU then fails to start and says so.
func claimPorts(ctx context.Context, forwards []Forward) ([]Forward, error) {
	var held []io.Closer
	defer func() {
		for _, h := range held {
			h.Close()
		}
	}()
	claimed := make([]Forward, 0, len(forwards))
	for _, f := range forwards {
		f = f.withDefaults()
		h, port, err := listen(ctx, f)
		if err != nil {
			return nil, &PortError{Forward: f, Err: err}
		}
		held = append(held, h)
		f.HostPort = port
		claimed = append(claimed, f)
	}
	return claimed, nil
}

// listen returns what holds the address, and its port.
func listen(ctx context.Context, f Forward) (io.Closer, int, error) {
	var lc net.ListenConfig
	if f.Proto == "udp" {
		conn, err := lc.ListenPacket(ctx, "udp4", f.HostAddr())
		if err != nil {
			return nil, 0, err
		}
		return conn, conn.LocalAddr().(*net.UDPAddr).Port, nil
	}
	l, err := lc.Listen(ctx, "tcp4", f.HostAddr())
	if err != nil {
		return nil, 0, err
	}
	return l, l.Addr().(*net.TCPAddr).Port, nil
}
