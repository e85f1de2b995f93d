package apptest

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/volume"
	"github.com/silo-os/silo/images"
)

// TestCaddy: static files over TLS, with a certificate that caddy makes for itself. The files are the guest's own: its
// hosts file, and one of some size that was put into the image.
func TestCaddy(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large")
	content := make([]byte, 4*mib)
	rand.Read(content) // it never fails
	if err := os.WriteFile(large, content, 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, image(t, Caddy, images.File{Path: "/srv/large", Source: large}), volume.Store{}, nil, []int{443}, "file-server", "--root", "/", "--domain", "localhost")
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
	if got, err := get(trusting, base+"/srv/large"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came of a file of %d, or others, %v", len(got), len(content), err)
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
