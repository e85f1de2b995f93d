package pid1

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPoolInfo(t *testing.T) {
	seed := []byte("eight by")
	b := poolInfo(seed)
	if bits, size := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:]); bits != 64 || size != 8 || !bytes.Equal(b[8:], seed) {
		t.Errorf("%d bits, %d bytes, %q", bits, size, b[8:])
	}
}

func TestReseed(t *testing.T) {
	if err := reseed("/no/such/device", nil); err != nil {
		t.Errorf("a host without a seed: %v", err)
	}
	if err := reseed("/no/such/device", []byte{1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no device: %v", err)
	}
	if err := reseed(os.DevNull, []byte{1}); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a device without randomness: %v", err)
	}
}
