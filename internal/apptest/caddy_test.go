package apptest

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/volume"
)

// TestCaddy: static files over TLS, with a certificate that caddy makes for itself. The files are the guest's own: its
// hosts file, and the program that serves it, of which the image's manifest has the digest.
func TestCaddy(t *testing.T) {
	s := serve(t, Caddy, volume.Store{}, nil, []int{443}, "file-server", "--root", "/", "--domain", "localhost")
	const base = "https://localhost"
	var root []byte
	s.until("fetch caddy's own authority", func() (err error) {
		// What is fetched here is what the certificate is checked against below; nobody else could have made both.
		c := https(s.addr(0), &tls.Config{InsecureSkipVerify: true})
		root, err = get(c, base+"/.local/share/caddy/pki/authorities/local/root.crt")
		return err
	})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		t.Fatalf("no certificate in %q", root)
	}
	trusting := https(s.addr(0), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13})
	hosts, err := get(trusting, base+"/etc/hosts")
	if err != nil || !strings.Contains(string(hosts), "127.0.0.1 localhost") {
		t.Errorf("/etc/hosts is %q, %v", hosts, err)
	}
	program, err := get(trusting, base+"/app/main")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(program); hex.EncodeToString(sum[:]) != s.image.Manifest.App.BuildID {
		t.Errorf("%d bytes of its own program have another digest", len(program))
	}
	var unknown *tls.CertificateVerificationError
	if _, err := get(https(s.addr(0), &tls.Config{}), base+"/etc/hosts"); !errors.As(err, &unknown) {
		t.Errorf("who does not know its authority got %v", err)
	}
	if _, err := get(trusting, base+"/no/such/file"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a file that is not there: %v", err)
	}
	s.stop(0)
}
