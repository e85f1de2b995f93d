package expecttest

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// resolver answers each question for an address of version 4 with one. A guest asks it as 10.0.2.2, which is the host's
// loopback, at the port that all resolvers have.
func resolver(t *testing.T, address [4]byte) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatalf("listen as a resolver, which takes a right (root, or net.ipv4.ip_unprivileged_port_start=53) and the port free: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if reply, err := answerTo(b[:n], address); err == nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
}

func answerTo(question []byte, address [4]byte) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(question)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, RecursionAvailable: true}, Questions: []dnsmessage.Question{q}}
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
			Body: &dnsmessage.AResource{A: address}}}
	}
	return m.Pack()
}
