package template

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	page  = 4096
	chunk = 64 * page // what is read at once: it stays in the processor's cache
)

var zeros [page]byte

// copyPages copies size bytes of memory from one file to another, which is empty there. Only pages that
// are not all zeros are written, so the copy takes no more room than it must. It returns a checksum of
// those pages and their places.
func copyPages(to *os.File, toAt int64, from *os.File, fromAt, size int64) (check uint32, err error) {
	buf := make([]byte, chunk)
	for at := int64(0); at < size; {
		start, end, err := nextData(from, fromAt+at, fromAt+size)
		if err != nil {
			return 0, err
		}
		at = (start - fromAt) / page * page
		for ; at < end-fromAt; at += chunk {
			b := buf[:min(chunk, size-at)]
			if _, err := from.ReadAt(b, fromAt+at); err != nil {
				return 0, fmt.Errorf("read memory: %w", err)
			}
			if check, err = writePages(to, toAt+at, at, b, check); err != nil {
				return 0, err
			}
		}
	}
	return check, nil
}

// nextData finds the next range with data at or behind at; at the end both are limit.
func nextData(f *os.File, at, limit int64) (start, end int64, err error) {
	start, err = f.Seek(at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) || err == nil && start >= limit {
		return limit, limit, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("find data: %w", err)
	}
	end, err = f.Seek(start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, fmt.Errorf("find end of data: %w", err)
	}
	return start, min(end, limit), nil
}

// writePages writes the pages of b that are not all zeros, each run of them at once, and adds them to a checksum.
// place is where b lies in the memory.
func writePages(to *os.File, toAt, place int64, b []byte, check uint32) (uint32, error) {
	for len(b) > 0 {
		run := 0
		for ; run < len(b) && !zero(b[run:min(run+page, len(b))]); run += page {
		}
		run = min(run, len(b))
		if run == 0 {
			skip := int64(min(page, len(b)))
			b, toAt, place = b[skip:], toAt+skip, place+skip
			continue
		}
		if _, err := to.WriteAt(b[:run], toAt); err != nil {
			return 0, fmt.Errorf("write memory: %w", err)
		}
		check = sum(check, place, b[:run])
		b, toAt, place = b[run:], toAt+int64(run), place+int64(run)
	}
	return check, nil
}

// sum adds pages to a checksum, each with its place: how they came together does not matter.
func sum(check uint32, place int64, b []byte) uint32 {
	for len(b) > 0 {
		n := min(page, len(b))
		var at [8]byte
		binary.LittleEndian.PutUint64(at[:], uint64(place))
		check = crc32.Update(crc32.Update(check, castagnoli, at[:]), castagnoli, b[:n])
		b, place = b[n:], place+int64(n)
	}
	return check
}

func zero(b []byte) bool { return string(b) == string(zeros[:len(b)]) }

// checkStream is the checksum of size bytes of a file.
func checkStream(f *os.File, at, size int64) (uint32, error) {
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, io.NewSectionReader(f, at, size)); err != nil {
		return 0, fmt.Errorf("read devices: %w", err)
	}
	return h.Sum32(), nil
}
