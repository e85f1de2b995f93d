package pid1

import (
	"bytes"

	"github.com/silo-os/silo/hvcall"
)

// coreStream cuts a core into pieces and leaves out what is zero. It holds one piece and waits until the host has it: that is
// all the memory that a core takes, however large it is.
type coreStream struct {
	put func(hvcall.CorePiece) error

	at    uint64 // bytes of the core until now
	start uint64 // of what is in buf
	buf   []byte
}

var coreZeros [hvcall.CoreUnit]byte

// Write implements io.Writer.
func (s *coreStream) Write(b []byte) (n int, err error) {
	for n < len(b) {
		part := b[n:min(len(b), n+hvcall.CoreUnit-int(s.at%hvcall.CoreUnit))]
		if bytes.Equal(part, coreZeros[:len(part)]) {
			err = s.skip(uint64(len(part)))
		} else {
			err = s.add(part)
		}
		if err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

func (s *coreStream) add(part []byte) error {
	if len(s.buf)+len(part) > hvcall.MaxCorePiece {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if len(s.buf) == 0 {
		s.start = s.at
	}
	s.buf = append(s.buf, part...)
	s.at += uint64(len(part))
	return nil
}

// skip goes on behind n bytes that are zero.
func (s *coreStream) skip(n uint64) error {
	err := s.flush()
	s.at += n
	return err
}

// flush sends what is held.
func (s *coreStream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	err := s.put(hvcall.CorePiece{Offset: s.start, Data: s.buf})
	s.buf = s.buf[:0]
	return err
}
