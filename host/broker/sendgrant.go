package broker

import (
	"fmt"
	"strings"

	"github.com/silo-os/silo/hvcall"
)

// SendGrant sends a grant to a guest. The newest is enough: one that was not sent yet may be dropped. What stands
// beside the grant is for the trace.
type SendGrant struct {
	Guest GuestID
	Grant hvcall.Grant

	Wants      int64 // bytes the guest asked for
	WantsMilli int64 // thousandths it asked for
	Share      int64 // bytes that are its share of the host
	ShareMilli int64 // thousandths that are
	Free       int64 // bytes that nobody holds
	Tax        int   // on what it leaves idle, in eighths
	Rationed   bool  // its growth is slowed down: room is short
	Frozen     bool  // it was found uncooperative
	Bad        bool  // it misbehaves
}

// About is the guest that it is for.
func (a SendGrant) About() GuestID { return a.Guest }

// String is the action's line in a trace: what was asked, what is granted, and why not more.
func (a SendGrant) String() string {
	g := a.Grant
	s := fmt.Sprintf("grant %s #%d for demand %d: %s, %s", a.Guest, g.Serial, g.Revision,
		of(int64(g.Memory), a.Wants, size), of(int64(g.MilliCPU), a.WantsMilli, milli))
	if g.Limit != hvcall.LimitNone {
		s += ", limit " + g.Limit.String() + a.why()
	}
	if g.Price != 0 {
		s += fmt.Sprintf(", price %d", g.Price)
	}
	if g.Within != 0 {
		s += fmt.Sprintf(", within %d ms", g.Within)
	}
	return s
}

// why says why the host gives no more, in brackets.
func (a SendGrant) why() string {
	if a.Grant.Limit != hvcall.LimitHost && a.Grant.Limit != hvcall.LimitReclaim {
		return ""
	}
	var share, words []string
	if a.Share < a.Wants {
		share = append(share, size(a.Share))
	}
	if a.ShareMilli < a.WantsMilli {
		share = append(share, milli(a.ShareMilli))
	}
	if len(share) > 0 {
		words = append(words, "its share is "+strings.Join(share, " and "))
	}
	if min(a.Share, a.Wants) > int64(a.Grant.Memory) {
		words = append(words, size(max(0, a.Free))+" free")
	}
	for _, w := range []struct {
		is   bool
		text string
	}{{a.Tax > 0, fmt.Sprintf("%d/%d taxed as idle", a.Tax, taxSteps)}, {a.Rationed, "rationed"}, {a.Frozen, "uncooperative"}, {a.Bad, "misbehaves"}} {
		if w.is {
			words = append(words, w.text)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// of prints what there is, and of what where that is something else.
func of(n, wanted int64, unit func(int64) string) string {
	if n == wanted {
		return unit(n)
	}
	return unit(n) + " of " + unit(wanted)
}

func milli(n int64) string { return fmt.Sprintf("%d mCPU", n) }
