package disk

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/silo-os/silo/images"
)

// AloneWord on the kernel's command line says that there is no host to call.
const AloneWord = "silo.alone"

// Names in the partition.
const (
	kernelFile  = "vmlinux"
	archiveFile = "initramfs.cpio"
)

const (
	sector         = 512
	partitionStart = 2048 // sectors: 1 MiB, where every tool of today puts the first one
	mib            = 1 << 20
)

// Config is for what may be changed about a disk. The zero value is right.
type Config struct {
	Words   []string // added to the kernel's command line
	Network *Network // of the machine's first interface, a virtio one; nil = there is none but lo
}

// words is the kernel's command line: one vCPU at boot, as everywhere, since PID 1 starts the others.
func (c Config) words() []string {
	w := append(images.Cmdline(), "maxcpus=1", "pci=lastbus=0", "no_timer_check", AloneWord)
	if c.Network != nil {
		w = append(w, c.Network.word())
	}
	return append(w, c.Words...)
}

// Write writes a disk that boots the image, to a file that appears whole or not at all. Errors that a caller may want to tell
// apart: [ErrNoGRUB], *[KernelError].
func Write(ctx context.Context, img *images.Image, path string, cfg Config) error {
	scratch, err := os.MkdirTemp("", "silo-disk-")
	if err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	defer os.RemoveAll(scratch)
	l, err := makeLoader(ctx, cfg.words(), scratch)
	if err != nil {
		return err
	}
	if most := (partitionStart - 1) * sector; len(l.core) > most {
		return fmt.Errorf("link GRUB: it has %d bytes, and there is room for %d before the partition", len(l.core), most)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	out, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	defer out.Cleanup()
	if err := fill(out, img, l); err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	if err := out.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	return nil
}

// fill writes the partition, then what stands before it, which says how large the partition is.
func fill(out io.WriteSeeker, img *images.Image, l loader) error {
	if _, err := out.Seek(partitionStart*sector, io.SeekStart); err != nil {
		return err
	}
	if err := writePartition(out, img); err != nil {
		return err
	}
	end, err := out.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	size := (end + mib - 1) / mib * mib
	if _, err := out.Write(make([]byte, size-end)); err != nil {
		return err
	}
	id, err := hex.DecodeString(img.Manifest.Initramfs.Digest)
	if err != nil || len(id) < 4 {
		return errors.Join(errors.New("the manifest has no digest of the archive"), err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	first := firstSector(l.boot, [4]byte(id), uint32(size/sector)-partitionStart)
	_, err = out.Write(append(first, l.core...))
	return err
}

// writePartition writes the archive that GRUB reads as a file system.
func writePartition(w io.Writer, img *images.Image) error {
	out := tar.NewWriter(w)
	kernel, err := os.Open(img.KernelPath())
	if err != nil {
		return err
	}
	defer kernel.Close()
	boots, err := bootable(kernel, img.Manifest.Kernel.Size)
	if err != nil {
		return err
	}
	archive, err := os.Open(img.InitramfsPath())
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, f := range []struct {
		name    string
		size    int64
		content io.Reader
	}{{kernelFile, img.Manifest.Kernel.Size, boots}, {archiveFile, img.Manifest.Initramfs.Size, archive}} {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: f.size, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := io.Copy(out, f.content); err != nil {
			return err
		}
	}
	return out.Close()
}

// firstSector is GRUB's boot.img with the table of one active partition of so many sectors. The disk's id comes from its
// content, so that two images are two disks and one is always the same.
func firstSector(boot []byte, id [4]byte, sectors uint32) []byte {
	const idAt, tableAt, markAt = 440, 446, 510
	s := make([]byte, sector)
	copy(s[:idAt], boot)
	copy(s[idAt:], id[:])
	entry := s[tableAt:]
	entry[0] = 0x80                            // active
	copy(entry[1:4], []byte{0xfe, 0xff, 0xff}) // geometry does not matter any more
	entry[4] = 0xda                            // data that is no file system to others
	copy(entry[5:8], []byte{0xfe, 0xff, 0xff})
	binary.LittleEndian.PutUint32(entry[8:], partitionStart)
	binary.LittleEndian.PutUint32(entry[12:], sectors)
	copy(s[markAt:], []byte{0x55, 0xaa})
	return s
}
