package vmm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Identity is how one of two machines proves to the other that it is meant, while a guest is copied: for this one time, so
// that no QEMU ever holds a key of its host. All are PEM.
type Identity struct {
	Authority []byte // that the other one's certificate must be of
	Cert, Key []byte // this one's
	Peer      string // the name in the other one's certificate
}

// config is the identity for a connection of this process: that of a server, or of a client.
func (id Identity) config() (*tls.Config, error) {
	cert, err := tls.X509KeyPair(id.Cert, id.Key)
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(id.Authority) {
		return nil, errors.New("read identity: there is no certificate of its authority")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		RootCAs: authority, ServerName: id.Peer,
		ClientCAs: authority, ClientAuth: tls.RequireAndVerifyClientCert,
		VerifyConnection:            func(s tls.ConnectionState) error { return s.PeerCertificates[0].VerifyHostname(id.Peer) },
		DynamicRecordSizingDisabled: true, // much is sent at once
	}, nil
}

// identityID is what QEMU knows the identity by.
const identityID = "move"

// dhParams is the group ffdhe2048 of RFC 7919. No connection here uses one: TLS 1.3 agrees on elliptic curves. But a server that finds none
// in its folder looks for a prime of its own, for half a second and more, in which it does nothing else.
const dhParams = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`

// identify gives QEMU its identity as "client" or "server". QEMU reads it from a folder that is its user's and found by
// descriptor: it needs no right to where that is.
func (vm *VM) identify(ctx context.Context, id Identity, endpoint string) error {
	dir, err := os.MkdirTemp("", "silo-move-")
	if err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := vm.writeIdentity(dir, id, endpoint); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	defer folder.Close()
	number, set, err := vm.monitor.AddFile(ctx, folder)
	if err != nil {
		return err
	}
	_ = vm.monitor.Execute(ctx, "object-del", map[string]string{"id": identityID}, nil) // of the last time, if there was one
	err = vm.monitor.Execute(ctx, "object-add", map[string]any{
		"qom-type": "tls-creds-x509", "id": identityID, "dir": "/proc/self/fd/" + strconv.Itoa(number), "endpoint": endpoint, "verify-peer": true,
	}, nil)
	if removed := vm.monitor.Execute(ctx, "remove-fd", map[string]int{"fdset-id": set}, nil); err == nil {
		err = removed
	}
	if err != nil {
		return err
	}
	return vm.monitor.Execute(ctx, "migrate-set-parameters", map[string]string{"tls-creds": identityID}, nil)
}

// writeIdentity writes the files by the names that QEMU looks for.
func (vm *VM) writeIdentity(dir string, id Identity, endpoint string) error {
	owner := func(path string) error {
		if u := vm.cfg.RunAs; u != nil {
			return os.Chown(path, int(u.UID), int(u.GID))
		}
		return nil
	}
	for name, pem := range map[string][]byte{
		"ca-cert.pem": id.Authority, endpoint + "-cert.pem": id.Cert, endpoint + "-key.pem": id.Key, "dh-params.pem": []byte(dhParams),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem, 0o400); err != nil {
			return err
		}
		if err := owner(path); err != nil {
			return err
		}
	}
	return owner(dir)
}
