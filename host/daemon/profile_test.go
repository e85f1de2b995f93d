package daemon

import (
	"testing"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/hvcall"
)

func TestProfile(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	_, err := r.client.Profile(ctx, "kv", hvcall.Profile{Kind: hvcall.ProfileHeap})
	refused(t, err, nodeapi.CodeNotFound)
	r.create(r.spec("kv"))
	_, guest := r.last()
	r.until("kv", func(g nodeapi.Guest) bool { return g.Said })
	want := hvcall.Profile{Kind: hvcall.ProfileCPU, Millis: 50}
	got, err := r.client.Profile(ctx, "kv", want)
	if err != nil || string(got) != "cpu" {
		t.Errorf("%q, %v", got, err)
	}
	if asked, err := guest.Profiles.Wait(ctx, nil); err != nil || asked != want {
		t.Errorf("the guest was asked for %+v, %v", asked, err)
	}
	_, err = r.client.Profile(ctx, "kv", hvcall.Profile{Kind: "coffee"})
	refused(t, err, nodeapi.CodeInvalid)
	if _, err := r.client.Kill(ctx, "kv"); err != nil {
		t.Fatal(err)
	}
	_, err = r.client.Profile(ctx, "kv", want)
	refused(t, err, nodeapi.CodeState)
}
