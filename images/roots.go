package images

import (
	"bytes"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/silo-os/silo/images/initramfs"
)

// rootsPath is where Go's crypto/x509, and most others, look first.
const rootsPath = "etc/ssl/certs/ca-certificates.crt"

// roots are the authorities that a guest trusts: Mozilla's, as the Go team packs them for programs that find none on
// their system. The version in go.mod decides, and not the machine that builds, so that an image is the same wherever
// it is made. An authority that Mozilla trusts with a condition is left out: a list of certificates cannot state it.
func roots() (initramfs.File, error) {
	var list bytes.Buffer
	for r := range bundle.Roots() {
		if r.Constraint != nil {
			continue
		}
		if err := pem.Encode(&list, &pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate}); err != nil {
			return initramfs.File{}, fmt.Errorf("list TLS roots: %w", err)
		}
	}
	return initramfs.File{Path: rootsPath, Mode: 0o644, Data: list.Bytes()}, nil
}
