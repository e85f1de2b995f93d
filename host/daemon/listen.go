package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is where the API is served.
type Listener = net.Listener

// SocketBusyError says that somebody answers on the socket already.
type SocketBusyError struct{ Path string }

// Error implements error.
func (e *SocketBusyError) Error() string {
	return fmt.Sprintf("listen on %s: another silo node answers there: stop it first, or choose another socket with --socket", e.Path)
}

// ListenUnix listens on a socket that only this user can open. One that a daemon which was killed left behind is
// replaced.
func ListenUnix(path string) (Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode().Type() != os.ModeSocket:
		return nil, fmt.Errorf("listen on %s: there is something that is no socket: move it away, or choose another socket with --socket", path)
	case err == nil:
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			conn.Close()
			return nil, &SocketBusyError{path}
		} else if !errors.Is(err, unix.ECONNREFUSED) {
			return nil, fmt.Errorf("listen on %s: %w", path, err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", path, err)
		}
	}
	return listenPrivately(path)
}

// listenPrivately has the socket appear under its name only when its rights are set.
func listenPrivately(path string) (Listener, error) {
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	_ = os.Remove(temporary) // of a process with this number that was killed here
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: temporary})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(temporary, 0o600); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		l.Close()
		_ = os.Remove(temporary)
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return l, nil
}

// TLSFiles are the paths of what mutual TLS takes, in PEM.
type TLSFiles struct {
	Cert, Key string // of the node
	ClientCA  string // authority that clients' certificates must be of
}

// ListenTLS listens on TCP for clients that have a certificate of the authority.
func ListenTLS(ctx context.Context, address string, f TLSFiles) (Listener, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return tls.NewListener(l, cfg), nil
}

func (f TLSFiles) config() (*tls.Config, error) {
	if f.Cert == "" || f.Key == "" || f.ClientCA == "" {
		return nil, errors.New("TCP is served with mutual TLS only: give --tls-cert, --tls-key and --tls-ca")
	}
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("load the node's certificate: %w", err)
	}
	pool, err := Authority(f.ClientCA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}, nil
}

// Authority reads certificates that others must be signed by.
func Authority(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load the authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load the authority's certificate: %s has none in PEM", path)
	}
	return pool, nil
}

// quiet has the HTTP server's own words at a level at which strangers cannot fill the log.
func quiet(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
