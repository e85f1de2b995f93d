package pages

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/s2"
)

const (
	magic    = "SILOMEM2"
	end      = 255     // in place of a file's number
	mostRun  = 1 << 20 // bytes
	mostSize = 1 << 46 // bytes of a file; x86-64 has no more
	worthIt  = 8       // a run is compressed that becomes smaller by this part of it
	headSize = 1 + 8 + 4 + 4
	allThere = 0
)

// Into is a memory to be written.
type Into struct {
	io.WriterAt
	Size int64 // bytes
}

// Send sends all pages of the files that are not zeros, and returns how many bytes these were, before they were compressed, once
// the other side has them.
func Send(conn io.ReadWriter, files []*os.File) (sent int64, err error) {
	sizes := make([]int64, len(files))
	head := append([]byte(magic), byte(len(files)))
	for i, f := range files {
		info, err := f.Stat()
		if err != nil {
			return 0, fmt.Errorf("read size of memory: %w", err)
		}
		sizes[i] = info.Size()
		head = binary.LittleEndian.AppendUint64(head, uint64(sizes[i]))
	}
	if _, err := conn.Write(head); err != nil {
		return 0, fmt.Errorf("send memory: %w", err)
	}
	packed := make([]byte, s2.MaxEncodedLen(chunk))
	frame := make([]byte, 0, headSize+chunk) // with its head in the same record
	for i, f := range files {
		err := Runs(f, 0, sizes[i], func(place int64, b []byte) error {
			stored := smaller(packed, b)
			frame = binary.LittleEndian.AppendUint64(append(frame[:0], byte(i)), uint64(place))
			frame = binary.LittleEndian.AppendUint32(frame, uint32(len(b)))
			frame = append(binary.LittleEndian.AppendUint32(frame, uint32(len(stored))), stored...)
			if _, err := conn.Write(frame); err != nil {
				return fmt.Errorf("send memory: %w", err)
			}
			sent += int64(len(b))
			return nil
		})
		if err != nil {
			return sent, err
		}
	}
	if _, err := conn.Write(binary.LittleEndian.AppendUint64([]byte{end}, uint64(sent))); err != nil {
		return sent, fmt.Errorf("send memory: %w", err)
	}
	return sent, answered(conn)
}

// smaller returns b as it is to be stored, which may be in into: a block of S2, or as it is where that hardly becomes smaller and the
// other side is spared the work.
func smaller(into, b []byte) []byte {
	if packed := s2.Encode(into, b); len(packed) <= len(b)-len(b)/worthIt {
		return packed
	}
	return b
}

// answered waits for the other side's word.
func answered(conn io.Reader) error {
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("send memory: the destination does not say that it has all: %w", err)
	}
	if answer[0] != allThere {
		return fmt.Errorf("send memory: the destination answers %d", answer[0])
	}
	return nil
}

// Receive writes the pages that Send sends into memories, which hold nothing but zeros and are of the same sizes, and returns how many
// bytes they were once unpacked. The other side waits for Answer then. After an error the memories hold some of it.
func Receive(conn io.Reader, into []Into) (got int64, err error) {
	if err := begin(conn, into); err != nil {
		return 0, err
	}
	buf, packed := make([]byte, mostRun), make([]byte, mostRun)
	for {
		var head [headSize]byte
		if _, err := io.ReadFull(conn, head[:9]); err != nil {
			return got, receiveError(err)
		}
		place := binary.LittleEndian.Uint64(head[1:])
		if head[0] == end {
			return got, whole(got, place)
		}
		if _, err := io.ReadFull(conn, head[9:]); err != nil {
			return got, receiveError(err)
		}
		length, stored := binary.LittleEndian.Uint32(head[9:]), binary.LittleEndian.Uint32(head[13:])
		if err := fits(into, head[0], place, length); err != nil {
			return got, err
		}
		b := buf[:length]
		if err := readRun(conn, b, packed, stored); err != nil {
			return got, err
		}
		if _, err := into[head[0]].WriteAt(b, int64(place)); err != nil {
			return got, fmt.Errorf("receive memory: %w", err)
		}
		got += int64(length)
	}
}

// readRun reads a run that is stored in so many bytes into b, by way of packed.
func readRun(conn io.Reader, b, packed []byte, stored uint32) error {
	if int(stored) == len(b) {
		if _, err := io.ReadFull(conn, b); err != nil {
			return receiveError(err)
		}
		return nil
	}
	if stored == 0 || int(stored) > len(b) {
		return fmt.Errorf("receive memory: a run of %d bytes in %d: want no more, and at least one", len(b), stored)
	}
	packed = packed[:stored]
	if _, err := io.ReadFull(conn, packed); err != nil {
		return receiveError(err)
	}
	// It is looked at before: what is unpacked into too small a place gets another.
	if n, err := s2.DecodedLen(packed); err != nil || n != len(b) {
		return fmt.Errorf("receive memory: a run of %d bytes unpacks to %d, %w", len(b), n, cmp.Or(err, s2.ErrCorrupt))
	}
	if _, err := s2.Decode(b, packed); err != nil {
		return fmt.Errorf("receive memory: unpack a run of %d bytes: %w", len(b), err)
	}
	return nil
}

// begin reads what the stream begins with.
func begin(conn io.Reader, into []Into) error {
	head := make([]byte, len(magic)+1)
	if _, err := io.ReadFull(conn, head); err != nil {
		return receiveError(err)
	}
	if string(head[:len(magic)]) != magic || int(head[len(magic)]) != len(into) {
		return fmt.Errorf("receive memory: it begins with %q, want %q and %d memories", head, magic, len(into))
	}
	for i, m := range into {
		var size [8]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return receiveError(err)
		}
		if n := binary.LittleEndian.Uint64(size[:]); m.Size > mostSize || n != uint64(m.Size) {
			return fmt.Errorf("receive memory: memory %d has %d bytes there and %d here", i, n, m.Size)
		}
	}
	return nil
}

// fits checks that a run lies within its memory.
func fits(into []Into, file byte, place uint64, length uint32) error {
	switch {
	case int(file) >= len(into):
		return fmt.Errorf("receive memory: a run for memory %d of %d", file, len(into))
	case length == 0 || length > mostRun || length%Size != 0 || place%Size != 0:
		return fmt.Errorf("receive memory: a run of %d bytes at %d: want whole pages, %d bytes at most", length, place, mostRun)
	case place > uint64(into[file].Size) || uint64(length) > uint64(into[file].Size)-place:
		return fmt.Errorf("receive memory: a run of %d bytes at %d, of %d", length, place, into[file].Size)
	}
	return nil
}

// whole checks that nothing is missing.
func whole(got int64, sent uint64) error {
	if uint64(got) != sent {
		return fmt.Errorf("receive memory: %d bytes came of %d", got, sent)
	}
	return nil
}

// Answer tells the other side that all is there, whose Send returns then.
func Answer(conn io.Writer) error {
	if _, err := conn.Write([]byte{allThere}); err != nil {
		return fmt.Errorf("receive memory: %w", err)
	}
	return nil
}

// receiveError is the error of a stream that breaks off.
func receiveError(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("receive memory: %w", err)
}
