package load

import "math/rand/v2"

const (
	mib  = 1 << 20
	page = 4 << 10

	// Values are of 1 to 16 pages.
	valuePages = 16

	// lookups follow each allocation.
	lookups = 16
)

// store is the live data: values as a cache holds them.
type store struct {
	rand   *rand.Rand
	values [][]byte
	live   int64 // bytes of the values
	ops    int64 // allocations and lookups
	seen   byte  // keeps the lookups from being compiled away
}

// newStore returns a store whose sizes are the same in every run.
func newStore() *store { return &store{rand: rand.New(rand.NewPCG(1, 2))} }

// value makes one value with every page of it touched.
func (s *store) value() []byte {
	v := make([]byte, (1+s.rand.IntN(valuePages))*page)
	touch(v)
	return v
}

func touch(b []byte) {
	for i := 0; i < len(b); i += page {
		b[i] = 1
	}
}

// add grows the live data by one value.
func (s *store) add() int64 {
	v := s.value()
	s.values = append(s.values, v)
	s.live += int64(len(v))
	s.ops++
	s.look()
	return int64(len(v))
}

// replace makes one value garbage and puts another in its place.
func (s *store) replace() {
	i := s.rand.IntN(len(s.values))
	s.live -= int64(len(s.values[i]))
	s.values[i] = s.value()
	s.live += int64(len(s.values[i]))
	s.ops++
	s.look()
}

func (s *store) look() {
	for range lookups {
		v := s.values[s.rand.IntN(len(s.values))]
		s.seen += v[s.rand.IntN(len(v)/page)*page]
		s.ops++
	}
}

// dropTo lets go of the newest values until no more than most bytes are live, and returns how much went.
func (s *store) dropTo(most int64) (dropped int64) {
	for len(s.values) > 0 && s.live > most {
		last := len(s.values) - 1
		n := int64(len(s.values[last]))
		s.values[last] = nil
		s.values = s.values[:last]
		s.live -= n
		dropped += n
	}
	if len(s.values) == 0 {
		s.values = nil
	}
	return dropped
}
