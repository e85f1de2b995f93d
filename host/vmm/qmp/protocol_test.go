package qmp_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/silo-os/silo/host/vmm/qmp"
	"github.com/silo-os/silo/host/vmm/qmp/qmptest"
)

// What a broken peer sends fails the client with a typed cause, within bounded memory.
func TestBrokenPeer(t *testing.T) {
	tests := map[string]struct{ send, want string }{
		"garbage":            {"\x00\xff\x1b[2J\n", "not a QMP message"},
		"not an object":      {"[1,2,3]\n", "not a QMP message"},
		"empty object":       {"{}\n", "not one of greeting"},
		"two kinds":          {`{"event":"X","return":{}}` + "\n", "not one of greeting"},
		"foreign id":         {`{"return":{},"id":"abc"}` + "\n", "id that was never given"},
		"no id":              {`{"return":{}}` + "\n", "without id"},
		"rejected unread":    {`{"error":{"class":"GenericError","desc":"JSON parse error"}}` + "\n", "rejected unread"},
		"second greeting":    {qmptest.Greeting + "\n", "greeting missing or repeated"},
		"endless line":       {strings.Repeat("x", 8192), "longer than 4096 bytes"},
		"long line":          {`{"event":"` + strings.Repeat("x", 8192) + `"}` + "\n", "longer than 4096 bytes"},
		"deep nesting":       {strings.Repeat("[", 4000) + "\n", "not a QMP message"},
		"number for a class": {`{"error":{"class":1,"desc":2},"id":1}` + "\n", "not a QMP message"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, server := dial(t, qmp.Config{MaxMessage: 4096})
			server.Raw(tt.send)
			<-client.Done()
			var broken *qmp.ProtocolError
			if err := client.Err(); !errors.As(err, &broken) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("cause = %v, want a *ProtocolError with %q", err, tt.want)
			}
			if strings.ContainsAny(client.Err().Error(), "\x1b\x00") {
				t.Errorf("control characters in %q", client.Err())
			}
			if err := client.Execute(t.Context(), "x", nil, nil); !errors.As(err, &broken) {
				t.Errorf("command after failure: %v", err)
			}
		})
	}
}

func TestUnfinishedLineIsNoMessage(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	server.Raw(`{"event":"SHUT`)
	server.Close()
	<-client.Done()
	if err := client.Err(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cause = %v, want unexpected EOF", err)
	}
}

func TestAnswersNobodyWaitsFor(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	server.Raw(`{"return":{},"id":1}` + "\n" + `{"return":{},"id":18446744073709551615}` + "\n\r\n")
	server.Handle("ping", nil)
	if err := client.Execute(t.Context(), "ping", nil, nil); !errors.As(err, new(*qmp.Error)) {
		t.Errorf("client failed over stray answers: %v", err)
	}
}

func TestNoGreeting(t *testing.T) {
	for name, send := range map[string]string{
		"something else":  "220 mail ready\r\n",
		"event first":     `{"event":"RESUME"}` + "\n",
		"closed":          "",
		"refused handing": qmptest.Greeting + "\n" + `{"error":{"class":"GenericError","desc":"no"},"id":1}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			far, near := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				io.WriteString(far, send)
				far.Close()
			}()
			if _, err := qmp.NewClient(t.Context(), near, qmp.Config{}); err == nil {
				t.Error("no error")
			}
			<-done
		})
	}
}
