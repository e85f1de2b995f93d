package vmm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// identityLife is for how long an identity is good, from a little before now on: clocks differ.
const identityLife = 24 * time.Hour

// NewIdentities makes two identities that know each other and nobody else: for the machine that waits, and for the one
// that sends. The authority that signed them is forgotten.
func NewIdentities() (server, client Identity, err error) {
	fail := func(err error) (Identity, Identity, error) {
		return Identity{}, Identity{}, fmt.Errorf("make identities: %w", err)
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "silo move"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caPEM, _, caKey, err := certify(ca, ca, nil)
	if err != nil {
		return fail(err)
	}
	for _, side := range []struct {
		id    *Identity
		name  string
		usage x509.ExtKeyUsage
	}{{&server, serverName, x509.ExtKeyUsageServerAuth}, {&client, clientName, x509.ExtKeyUsageClientAuth}} {
		cert, key, _, err := certify(&x509.Certificate{
			Subject: pkix.Name{CommonName: side.name}, DNSNames: []string{side.name}, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{side.usage},
		}, ca, caKey)
		if err != nil {
			return fail(err)
		}
		*side.id = Identity{Authority: caPEM, Cert: cert, Key: key}
	}
	server.Peer, client.Peer = clientName, serverName
	return server, client, nil
}

// The names in the two certificates.
const (
	serverName = "destination.silo.invalid"
	clientName = "source.silo.invalid"
)

// certify signs a certificate for a new key; without a signer, by that key itself.
func certify(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) (certPEM, keyPEM []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, nil, err
	}
	if signer == nil {
		signer = key
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, nil, err
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(identityLife)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), key, nil
}
