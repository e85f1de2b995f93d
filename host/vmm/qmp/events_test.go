package qmp_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/silo-os/silo/host/vmm/qmp"
)

func TestEvents(t *testing.T) {
	client, server := dial(t, qmp.Config{})
	go server.Emit("GUEST_PANICKED", map[string]string{"action": "poweroff"})
	event := <-client.Events()
	var data struct{ Action string }
	if err := event.Decode(&data); err != nil || event.Name != "GUEST_PANICKED" || data.Action != "poweroff" {
		t.Errorf("event %q with %+v, %v", event.Name, data, err)
	}
	if want := time.Unix(1700000000, 250e6); !event.Time.Equal(want) {
		t.Errorf("time = %v, want %v", event.Time, want)
	}
	go server.Emit("STOP", nil)
	event = <-client.Events()
	if err := event.Decode(&data); err != nil {
		t.Errorf("event without data: %v", err)
	}
	if err := (qmp.Event{Name: "X", Data: json.RawMessage(`[1]`)}).Decode(&data); err == nil {
		t.Error("data of another shape was accepted")
	}
}

// A flood that nobody reads neither stops commands nor hides the newest state.
func TestEventFlood(t *testing.T) {
	client, server := dial(t, qmp.Config{EventBuffer: 4})
	server.Handle("ping", func(json.RawMessage) (any, error) { return nil, nil })
	for i := range 100 {
		server.Emit("MEMORY_DEVICE_SIZE_CHANGE", map[string]int{"size": i})
	}
	if err := client.Execute(t.Context(), "ping", nil, nil); err != nil {
		t.Fatalf("command behind a flood of events: %v", err)
	}
	if got := client.Dropped(); got != 96 {
		t.Errorf("dropped = %d, want 96", got)
	}
	for want := 96; want < 100; want++ {
		event := <-client.Events()
		var data struct{ Size int }
		if err := event.Decode(&data); err != nil || data.Size != want {
			t.Errorf("event with size %d (%v), want %d", data.Size, err, want)
		}
	}
}
