package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/silo-os/silo/host/nodeapi"
)

// authority makes certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string // of its own certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key, a.cert = newKey(t), cert
	a.path = a.sign("ca", cert, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign writes a certificate and returns its path.
func (a *authority) sign(name string, cert *x509.Certificate, key *ecdsa.PrivateKey) string {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der)
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue makes a certificate for 127.0.0.1 with its key, and returns their paths.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	k := newKey(a.t)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.sign(name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, k), a.write(name+".key", "PRIVATE KEY", der)
}

// config is a client's, with a certificate or, for "", without.
func (a *authority) config(cert, key string) *tls.Config {
	a.t.Helper()
	pool, err := Authority(a.path)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &tls.Config{RootCAs: pool}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

// TestMutualTLS: over TCP, who has a certificate of the authority is served, and nobody else.
func TestMutualTLS(t *testing.T) {
	r := newRig(t)
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	cert, key := ours.issue("node")
	l, err := ListenTLS(t.Context(), "127.0.0.1:0", TLSFiles{Cert: cert, Key: key, ClientCA: ours.path})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r.Handler(), ErrorLog: quiet(r.cfg.Log)}
	go server.Serve(l)
	defer server.Close()
	ask := func(c *tls.Config) error {
		client, err := nodeapi.NewClient(nodeapi.Target{Address: l.Addr().String(), TLS: c})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_, err = client.Info(t.Context())
		return err
	}
	if err := ask(ours.config(ours.issue("client"))); err != nil {
		t.Errorf("a client of ours: %v", err)
	}
	stranger := ours.config("", "")
	if err := ask(stranger); !errors.As(err, new(*nodeapi.NoNodeError)) {
		t.Errorf("without a certificate: %v", err)
	}
	theirCert, theirKey := theirs.issue("client")
	if err := ask(ours.config(theirCert, theirKey)); !errors.As(err, new(*nodeapi.NoNodeError)) {
		t.Errorf("of another authority: %v", err)
	}
	if err := ask(nil); err == nil || !strings.Contains(err.Error(), "TCP without TLS is not spoken") {
		t.Errorf("without TLS: %v", err)
	}
	if _, err := ListenTLS(t.Context(), "127.0.0.1:0", TLSFiles{Cert: cert, Key: key, ClientCA: key}); err == nil || !strings.Contains(err.Error(), "has none in PEM") {
		t.Errorf("an authority without a certificate: %v", err)
	}
}
