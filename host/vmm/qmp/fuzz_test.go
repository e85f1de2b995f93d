package qmp

import (
	"bytes"
	"errors"
	"testing"
	"unicode"
)

// FuzzDecode: whatever comes, decode returns one message of one kind or a *ProtocolError,
// and no control character gets from the wire into text meant for people.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":"Debian"},"capabilities":["oob"]}}`,
		`{"return":{},"id":1}`,
		`{"return":[{"thread-id":12}],"id":18446744073709551615}`,
		`{"error":{"class":"GenericError","desc":"bad \u001b[0m"},"id":7}`,
		`{"error":{"class":"GenericError","desc":"JSON parse error"}}`,
		`{"timestamp":{"seconds":-1,"microseconds":-1},"event":"SHUTDOWN","data":{"guest":true,"reason":"guest-shutdown"}}`,
		`{"timestamp":{"seconds":9223372036854775807,"microseconds":9223372036854775807},"event":""}`,
		`{"return":null}`, `{}`, `null`, `[]`, `{"event":"X","return":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		m, err := decode(line)
		if !bytes.Equal(before, line) {
			t.Fatal("decode changed its input")
		}
		if err != nil {
			if !errors.As(err, new(*ProtocolError)) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		checkMessage(t, m, line)
	})
}

func checkMessage(t *testing.T, m message, line []byte) {
	kinds, text := 0, ""
	if m.greeting != nil {
		kinds, text = kinds+1, m.greeting.Package
	}
	if m.event != nil {
		kinds, text = kinds+1, m.event.Name
		clear(line) // the event outlives the reader's buffer
		if bytes.IndexByte(m.event.Data, 0) >= 0 {
			t.Fatal("event data shares memory with the reader's buffer")
		}
	}
	if m.reply != nil {
		kinds++
		if m.reply.err != nil {
			text = m.reply.err.Error()
		}
		if (m.reply.err == nil) == (m.reply.result == nil) {
			t.Fatalf("reply %+v has not exactly one of result and error", *m.reply)
		}
	}
	if kinds != 1 {
		t.Fatalf("message of %d kinds", kinds)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			t.Fatalf("control character in %q", text)
		}
	}
}
