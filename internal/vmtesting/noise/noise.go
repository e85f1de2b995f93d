// Package noise makes what does not become smaller on its way, for the programs of test guests: what is sent of a guest then says how
// much memory it used, and not what was in it.
package noise

import "encoding/binary"

// Fill fills b, whose length is a multiple of 8: no two words are alike. Other seeds make other words.
func Fill(b []byte, seed uint64) {
	const step = 0x9e3779b97f4a7c15 // odd, so that all 2^64 words come before one comes again
	word := seed * step << 20
	for at := 0; at < len(b); at += 8 {
		word += step
		binary.LittleEndian.PutUint64(b[at:], word)
	}
}
