// Package proof is what the volume benchmark writes: records of which each proves by itself that it is whole.
//
//	b := proof.Encode(7)
//	seq, err := proof.Decode(b)
package proof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
)

// Size is of one record, bytes: neither a page nor a sector, so that records lie across both.
const Size = 1500

// ErrDamaged says that a record is not what was written.
var ErrDamaged = errors.New("a record is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode makes the record of a number: the number, bytes that follow from it, and a checksum.
func Encode(seq uint64) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, Size), seq)
	r := rand.New(rand.NewPCG(seq, Size))
	for len(b) < Size-4 {
		b = append(b, byte(r.Uint32()))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Decode returns the number of a whole record. Error: ErrDamaged.
func Decode(b []byte) (uint64, error) {
	if len(b) < 8 {
		return 0, ErrDamaged
	}
	seq := binary.LittleEndian.Uint64(b)
	if !bytes.Equal(b, Encode(seq)) {
		return 0, ErrDamaged
	}
	return seq, nil
}

// Count reads a log of records numbered from 1 on, and returns how many are there before its end, or before the first that
// is not whole or not the next: what comes from there on was being written.
func Count(r io.Reader) (n uint64, err error) {
	b := make([]byte, Size)
	for {
		switch _, err := io.ReadFull(r, b); {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return n, nil
		case err != nil:
			return n, err
		}
		if seq, err := Decode(b); err != nil || seq != n+1 {
			return n, nil
		}
		n++
	}
}

// Serving is what the program prints when it can be connected to.
const Serving = "volumeload: serves"

// Report is what a program that starts says of what it found.
type Report struct {
	Round   uint64 `json:"round"`   // that wrote it; 0 = none yet
	Records uint64 `json:"records"` // whole ones
	Wrong   string `json:"wrong"`   // what must never be; "" = nothing
}

// Filed reports whether a record is in a file of its own, too.
func Filed(seq uint64) bool { return seq%8 == 0 }
