package template

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

const (
	magic      = "SILOTMPL"
	headerSize = 64 << 10 // bytes; the memory begins behind them
	prologue   = len(magic) + 8
)

// castagnoli is the checksum that processors compute by themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header tells what a template holds.
type Header struct {
	Identity Identity  `json:"identity"`
	Made     time.Time `json:"made"`

	// Said is what the guest had sent over its call channel when it was stopped.
	Said []byte `json:"said"`

	Memory      int64  `json:"memory"` // bytes of boot memory
	MemoryCheck uint32 `json:"memory_check"`
	Stream      int64  `json:"stream"` // bytes of QEMU's stream
	StreamCheck uint32 `json:"stream_check"`
}

// streamAt is where QEMU's stream begins.
func streamAt(memory int64) int64 { return headerSize + memory }

// encode makes the first bytes of the file.
func (h Header) encode() ([]byte, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if prologue+len(body) > headerSize {
		return nil, fmt.Errorf("a header of %d bytes, with %d that the guest said: %d is the most", len(body), len(h.Said), headerSize)
	}
	b := append(make([]byte, 0, headerSize), magic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
	return append(b, body...), nil
}

// decodeHeader reads what encode made, from a file of size bytes.
func decodeHeader(b []byte, size int64) (h Header, err error) {
	if len(b) < prologue || string(b[:len(magic)]) != magic {
		return h, errors.New("it does not begin as one")
	}
	length := binary.LittleEndian.Uint32(b[len(magic):])
	check := binary.LittleEndian.Uint32(b[len(magic)+4:])
	body := b[prologue:]
	if int64(length) > int64(len(body)) || crc32.Checksum(body[:length], castagnoli) != check {
		return h, errors.New("its header has the wrong checksum")
	}
	if err := json.Unmarshal(body[:length], &h); err != nil {
		return h, fmt.Errorf("its header: %w", err)
	}
	if h.Memory < 0 || h.Stream <= 0 || size != streamAt(h.Memory)+h.Stream {
		return h, fmt.Errorf("it has %d bytes, with %d of memory and %d of devices", size, h.Memory, h.Stream)
	}
	return h, nil
}
