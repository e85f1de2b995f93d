package vmm

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm/qmp"
	"github.com/silo-os/silo/host/vmm/qmp/qmptest"
)

// A copying that is given up while QEMU is being told to begin it is cancelled, not left to itself.
func TestSendGivenUpAsItBegins(t *testing.T) {
	near, file, err := Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.FileConn(file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	server := qmptest.Serve(far)
	t.Cleanup(server.Close)
	monitor, err := qmp.NewClient(t.Context(), near, qmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { monitor.Close() })
	vm := newVM(Config{}, nil, nil, boots{})
	vm.monitor = monitor

	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	status := make(chan string, 1)
	status <- "active"
	yes := func(json.RawMessage) (any, error) { return nil, nil }
	for _, command := range []string{"migrate-set-capabilities", "migrate-set-parameters", "object-del", "object-add", "remove-fd"} {
		server.Handle(command, yes)
	}
	server.Handle("add-fd", func(json.RawMessage) (any, error) { return map[string]int{"fd": 9, "fdset-id": 1}, nil })
	server.Handle("migrate", func(json.RawMessage) (any, error) {
		giveUp()
		time.Sleep(10 * time.Millisecond) // who gave up is not to be the quicker one by luck
		return nil, nil
	})
	server.Handle("migrate_cancel", func(json.RawMessage) (any, error) {
		<-status
		status <- "cancelled"
		return nil, nil
	})
	server.Handle("query-kvm", func(json.RawMessage) (any, error) { return map[string]bool{"enabled": true, "present": true}, nil })
	server.Handle("query-status", func(json.RawMessage) (any, error) { return map[string]string{"status": "running"}, nil })
	server.Handle("query-migrate", func(json.RawMessage) (any, error) {
		is := <-status
		status <- is
		return map[string]string{"status": is}, nil
	})

	var failed *SendError
	if _, err := vm.Send(ctx, Sending{To: "127.0.0.1:1"}); !errors.As(err, &failed) {
		t.Errorf("given up as it begins: %v", err)
	}
	if !slices.Contains(server.Commands(), "migrate_cancel") {
		t.Errorf("QEMU copies on: it was told %q", server.Commands())
	}
}
