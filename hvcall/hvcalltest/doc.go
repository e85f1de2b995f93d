// Package hvcalltest has both ends of the call interface as fakes: a [Host] to test guest code
// against, and a [Guest] to test host code against.
//
// Both speak the real protocol over a real [hvcall.Conn], so the code under test runs unchanged.
// Both write down what they hear, in journals that a test can wait on. Neither reads a clock or
// sleeps except by package time, so both work inside a testing/synctest bubble, where a delay of a
// minute costs nothing.
//
// # Host
//
// A Host answers Hello with the configured Welcome and each Demand as its [Policy] says: by
// default everything at once, up to the maxima of the Welcome. Other policies refuse or delay; Grant and
// Shrink state something unasked. A [Script] does such things in the course of time, and is also what a program outside
// a guest is governed by (SILO_SCRIPT, package runtime/silotest). Its acts change the host's stance:
//
//	granting   the start; everything demanded is granted     moved on by Refusing, Delaying
//	refusing   no more than the guest has                    moved on by Granting, Delaying
//	delaying   granting, later; taking back is not delayed   moved on by Granting, Refusing
//
// and bounds and a price beside it, which stay until they are replaced. After each act the newest demand is answered anew.
//
// # Guest
//
// A Guest says Hello, states demands with a revision that grows, and does what a grant says
// after a delay, or refuses to shrink, as its [Manner] says. SendRaw sends bytes that no correct guest would.
//
// # Who moves what
//
// The peer's statements move into a journal when they were decoded; what could not be decoded is
// counted in Refused. A Guest's holding moves to a grant once it obeyed; a Host's grant moves with
// each answer of its policy.
//
// # Locks
//
// Each fake has one mutex for its own state and one in each journal; a journal's is taken last
// and no lock is held while a frame is written.
//
// # Example
//
//	synctest.Test(t, func(t *testing.T) {
//		rw, host := hvcalltest.StartHost(t, hvcalltest.HostConfig{
//			Policy: hvcalltest.After(time.Second, hvcalltest.GrantAll),
//		})
//		go codeUnderTest(t.Context(), hvcall.NewConn(rw, hvcall.Config{}))
//		d, err := host.Demands.Wait(t.Context(), func(d hvcall.Demand) bool { return d.Memory > 256<<20 })
//		…
//	})
package hvcalltest
