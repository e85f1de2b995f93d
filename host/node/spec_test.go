package node

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestSpecErrors(t *testing.T) {
	inBubble(t, 1024*mib, func(t *testing.T, r *rig) {
		r.boot(GuestSpec{Name: "taken"})
		for _, c := range []struct {
			name string
			spec GuestSpec
			want string
		}{
			{"max below min", GuestSpec{Memory: Memory{Min: 128 * mib, Max: 64 * mib}},
				"start guest: Memory.Max: 64 MiB is less than the minimum of 128 MiB: raise the maximum or lower the minimum"},
			{"half blocks", GuestSpec{Memory: Memory{Min: 50 * mib}}, "start guest: Memory.Min: 52428800 bytes is not a multiple of 4.0 MiB: use 52 MiB"},
			{"negative", GuestSpec{Memory: Memory{Min: -4 * mib}}, "start guest: Memory.Min: -4194304 bytes is not a multiple of 4.0 MiB: use 4.0 MiB"},
			{"vCPUs", GuestSpec{CPU: CPU{MinMilli: 2000, MaxMilli: 1000}}, "start guest: CPU.MaxMilli: 1000 is less than the minimum of 2000: raise the maximum or lower the minimum"},
			{"env", GuestSpec{Env: []string{"A=", "B"}}, `start guest: Env[1]: "B" has no name and value: write it as NAME=VALUE`},
			{"name", GuestSpec{Name: "taken"}, `start guest: Name: a guest named "taken" runs already: choose another name`},
		} {
			var bad *SpecError
			if _, err := r.Start(t.Context(), c.spec); !errors.As(err, &bad) || err.Error() != c.want {
				t.Errorf("%s: got  %v\nwant %s", c.name, err, c.want)
			}
		}
	})
}

// TestStartFails: nothing is left of a guest whose machine does not start, or that was not waited for.
func TestStartFails(t *testing.T) {
	inBubble(t, 128*mib, func(t *testing.T, r *rig) {
		r.fail = errors.New("no qemu")
		if _, err := r.Start(t.Context(), GuestSpec{Name: "a"}); !errors.Is(err, r.fail) {
			t.Errorf("got %v", err)
		}
		r.fail = nil
		_, _, guest := r.boot(GuestSpec{Name: "a"})
		r.demand(guest, 128*mib, 1000)
		granted(t, guest, 128*mib)
		guest.SetManner(stubborn)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // before the stubborn one is killed
		defer cancel()
		if _, err := r.Start(ctx, GuestSpec{Name: "b"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if s := r.State(); len(s.Guests) != 1 || s.Guests[0].ID != "a" {
			t.Errorf("left: %+v", s.Guests)
		}
	})
}

// TestRealCapacity: without a configured capacity the node offers what this machine has.
func TestRealCapacity(t *testing.T) {
	n, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if c := n.Capacity(); c.Memory < 64*mib || c.Slush <= 0 || c.MilliCPU < 1000 {
		t.Errorf("%+v", c)
	}
}
