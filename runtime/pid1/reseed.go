package pid1

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reseed mixes the host's random bytes into the kernel's randomness and has all its generators begin anew. Until
// then a guest that goes on from a template would give out what every other one from it gives out.
func reseed(device string, seed []byte) error {
	if len(seed) == 0 {
		return nil
	}
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("seed the kernel: %w", err)
	}
	defer f.Close()
	pool := poolInfo(seed)
	if err := ioctl(f, unix.RNDADDENTROPY, unsafe.Pointer(&pool[0])); err != nil {
		return fmt.Errorf("seed the kernel: %w", err)
	}
	// Bytes that are mixed in count from the generators' next turn on, which comes once a minute.
	if err := ioctl(f, unix.RNDRESEEDCRNG, nil); err != nil {
		return fmt.Errorf("reseed the kernel's generators: %w", err)
	}
	return nil
}

// poolInfo is struct rand_pool_info of linux/random.h: bits of entropy, bytes that follow, the bytes.
func poolInfo(seed []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(8*len(seed)))
	b = binary.NativeEndian.AppendUint32(b, uint32(len(seed)))
	return append(b, seed...)
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
