package vmm

import (
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
)

// QEMU finds all that it would make itself otherwise, and the group is one: a safe prime of 2048 bits.
func TestIdentityIsWhole(t *testing.T) {
	server, _, err := NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := newVM(Config{}, nil, nil, boots{}).writeIdentity(dir, server, "server"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca-cert.pem", "server-cert.pem", "server-key.pem", "dh-params.pem"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if block, rest := pem.Decode(text); err != nil || block == nil || len(rest) > 0 {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	var group struct{ Prime, Generator *big.Int }
	block, _ := pem.Decode([]byte(dhParams))
	if _, err := asn1.Unmarshal(block.Bytes, &group); err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(group.Prime, 1)
	if group.Prime.BitLen() != 2048 || !group.Prime.ProbablyPrime(8) || !half.ProbablyPrime(8) || group.Generator.Int64() != 2 {
		t.Errorf("%d bits, generator %v", group.Prime.BitLen(), group.Generator)
	}
}
