package daemon

import (
	"errors"
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

// TestCore: who asks has each byte, and the guest can be asked again, also when he did not take it.
func TestCore(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	never := func(rec nodeapi.CoreRecord) error { t.Errorf("got %+v", rec); return nil }
	_, err := r.client.Core(ctx, "kv", never)
	refused(t, err, nodeapi.CodeNotFound)
	r.create(r.spec("kv"))
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	full := errors.New("the disk is full")
	_, err = r.client.Core(ctx, "kv", func(nodeapi.CoreRecord) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("%v, want %v", err, full)
	}
	var got []nodeapi.CoreRecord
	size, err := r.client.Core(ctx, "kv", func(rec nodeapi.CoreRecord) error { got = append(got, rec); return nil })
	if err != nil || size != 2*hvcall.CoreUnit || len(got) != 1 || got[0].Offset != hvcall.CoreUnit || string(got[0].Data) != "core" {
		t.Errorf("%+v, %d bytes, %v", got, size, err)
	}
	if _, err := r.client.Kill(ctx, "kv"); err != nil {
		t.Fatal(err)
	}
	_, err = r.client.Core(ctx, "kv", never)
	refused(t, err, nodeapi.CodeState)
}
