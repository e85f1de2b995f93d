package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	siloed "github.com/silo-os/silo/host/daemon"
	"github.com/silo-os/silo/host/nodeapi"
)

// targetOptions say which node is spoken to.
type targetOptions struct {
	socket, address, cert, key, ca string
}

func (o *targetOptions) register(f *pflag.FlagSet, w *world) {
	f.StringVar(&o.socket, "socket", nodeapi.DefaultSocket(w.lookupEnv), "`path` of the node's socket (default $"+nodeapi.SocketEnv+")")
	f.StringVar(&o.address, "node", "", "`HOST:PORT` of a node elsewhere, in place of the socket")
	f.StringVar(&o.cert, "tls-cert", "", "`file` with a certificate, in PEM, for --node")
	f.StringVar(&o.key, "tls-key", "", "`file` with its key")
	f.StringVar(&o.ca, "tls-ca", "", "`file` with the authority that the node's certificate must be of")
}

func (o *targetOptions) target() (nodeapi.Target, error) {
	if o.address == "" {
		return nodeapi.Target{Socket: o.socket}, nil
	}
	if o.cert == "" || o.key == "" || o.ca == "" {
		return nodeapi.Target{}, errors.New("--node: a node elsewhere takes mutual TLS: give --tls-cert, --tls-key and --tls-ca")
	}
	cert, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nodeapi.Target{}, fmt.Errorf("load certificate: %w", err)
	}
	pool, err := siloed.Authority(o.ca)
	if err != nil {
		return nodeapi.Target{}, err
	}
	return nodeapi.Target{Address: o.address, TLS: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, MinVersion: tls.VersionTLS13}}, nil
}

func (o *targetOptions) client() (*nodeapi.Client, error) {
	t, err := o.target()
	if err != nil {
		return nil, err
	}
	return nodeapi.NewClient(t)
}
