package main

import "hash/crc32"

// unit is a fixed amount of computing, whatever time it takes, as opposed to work. It returns something that depends on all
// of it.
func unit(seed uint32, rounds int) uint32 {
	var block [256]byte
	for range rounds {
		for i := range block {
			block[i] = byte(seed >> (i % 25))
		}
		seed = crc32.Update(seed, crc32.IEEETable, block[:])
	}
	return seed
}
