package nodeapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Target says where a node is. One of Socket and Address is given.
type Target struct {
	Socket  string      // path of a Unix socket
	Address string      // HOST:PORT
	TLS     *tls.Config // with a certificate of this side's and the node's authority; needed with Address
}

// SocketEnv names the variable with the path of the node's socket.
const SocketEnv = "SILO_SOCKET"

// DefaultSocket is where the node of this user is, or of the machine, when the user is root.
func DefaultSocket(lookup func(string) (string, bool)) string {
	if s, ok := lookup(SocketEnv); ok && s != "" {
		return s
	}
	if os.Geteuid() == 0 {
		return "/run/silo/node.sock"
	}
	if dir, ok := lookup("XDG_RUNTIME_DIR"); ok && dir != "" {
		return filepath.Join(dir, "silo", "node.sock")
	}
	return filepath.Join(os.TempDir(), "silo-"+strings.TrimPrefix(filepath.Base(os.Getenv("HOME")), "/"), "node.sock")
}

// String implements fmt.Stringer.
func (t Target) String() string {
	if t.Socket != "" {
		return t.Socket
	}
	return t.Address
}

// dial connects to the node.
func (t Target) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if t.Socket != "" {
		return d.DialContext(ctx, "unix", t.Socket)
	}
	if t.TLS == nil {
		return nil, errors.New("TCP without TLS is not spoken: give a certificate, its key and the node's authority")
	}
	return (&tls.Dialer{NetDialer: &d, Config: t.TLS}).DialContext(ctx, "tcp", t.Address)
}

// Answers reports whether a node is there.
func (t Target) Answers(ctx context.Context) bool {
	conn, err := t.dial(ctx)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
