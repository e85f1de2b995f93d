// Package sim lets a broker rule over thousands of simulated guests in virtual time.
//
// A [World] is a host: a broker, guests, and a queue of what happens next. Each event goes to the broker as one step,
// its actions go to the guests, and what comes of them is an event again. After every step the broker checks itself,
// and the world checks the broker: what devices hold and guests use is added up here once more, and must never be more
// than there is.
//
// # Guests
//
// A guest has a need, a pure function of time (see [Load]), and a [Manner] of dealing with the host. Honest ones
// state what they need, a little ahead, up at once and down after a while, and give back what they are told to. The
// others lie about their needs, hoard, flap, fall silent, refuse, say old things again or send garbage through
// the real decoders. A device plugs and unplugs with the latencies measured on real ones, and unplugs only what
// its guest has let go.
//
// # The optimum
//
// Needs are known functions, so what a clairvoyant host would have given is reckoned afterwards: at each moment
// the weighted max-min shares of what is really needed, moved at no cost and in no time. [Score] compares with that.
//
// # Example
//
//	w := sim.New(sim.Config{Guests: 1000, Seed: 1, Pressure: 1.2})
//	if err := w.Run(time.Minute); err != nil {
//		return err // an invariant was broken, and the step after which it was
//	}
//	fmt.Println(w.Score().Satisfied)
package sim
