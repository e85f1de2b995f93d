package runtime

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// All hooks are called, one after the other; the move waits for them, and no longer than it said.
func TestMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m moves
		heard := make(chan string, 8)
		for _, name := range []string{"a", "b"} {
			m.add(func(ctx context.Context, is Migration) {
				time.Sleep(time.Second)
				heard <- name + " " + string(is)
			})
		}
		m.tell(t.Context(), Moving)
		if len(heard) != 2 {
			t.Errorf("returned when %d were through", len(heard))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		begun := time.Now()
		m.tell(ctx, Moved)
		if took := time.Since(begun); took != time.Second/2 {
			t.Errorf("waited for %v", took)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		close(heard)
		var all []string
		for s := range heard {
			all = append(all, s)
		}
		if want := []string{"a moving", "b moving", "a moved", "b moved"}; !slices.Equal(all, want) {
			t.Errorf("heard %q, want %q", all, want)
		}
	})
}

func TestHostedHearsOfNoMove(t *testing.T) {
	(&Guest{}).OnMigrate(func(context.Context, Migration) { t.Error("called") })
}

// What belongs to a step of the move is not done any more when the next one was said.
func TestMovesOvertaken(t *testing.T) {
	var m moves
	prepare := m.begin()
	arrived := m.begin()
	m.during(prepare, func() { t.Error("done for a move that is over") })
	done := false
	if m.during(arrived, func() { done = true }); !done {
		t.Error("not done for the newest")
	}
}
