package vmm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// mapped is a memory file as QEMU has it in its address space. What is written there exists as if QEMU had touched it, so it counts
// as QEMU's against the limits that its host has set; what is written into the file would be the writer's.
type mapped struct {
	memory *os.File // all that QEMU has
	parts  []part   // by their place in the file
}

// part is a range of the file that lies in one piece.
type part struct{ at, size, addr int64 }

// WriteAt implements io.WriterAt.
func (m mapped) WriteAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		i := slices.IndexFunc(m.parts, func(p part) bool { return p.at <= at && at < p.at+p.size })
		if i < 0 {
			return n, fmt.Errorf("write guest memory: %w: nothing is mapped at %d", io.ErrShortWrite, at)
		}
		p := m.parts[i]
		k, err := m.memory.WriteAt(b[n:n+int(min(int64(len(b)-n), p.at+p.size-at))], p.addr+at-p.at)
		n, at = n+k, at+int64(k)
		if err != nil {
			return n, fmt.Errorf("write guest memory: %w", err)
		}
	}
	return n, nil
}

// mapsOf is what a process has mapped.
func mapsOf(pid int) ([]*procfs.ProcMap, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return nil, fmt.Errorf("find guest memory: %w", err)
	}
	all, err := p.ProcMaps()
	if err != nil {
		return nil, fmt.Errorf("find guest memory: %w", err)
	}
	return all, nil
}

// mappedAs finds a file among what its process has mapped.
func mappedAs(file fileID, all []*procfs.ProcMap, memory *os.File) (mapped, error) {
	m := mapped{memory: memory}
	for _, r := range all {
		if file == (fileID{r.Dev, r.Inode}) && strings.HasPrefix(r.Pathname, memfdLink) {
			m.parts = append(m.parts, part{at: r.Offset, size: int64(r.EndAddr - r.StartAddr), addr: int64(r.StartAddr)})
		}
	}
	if len(m.parts) == 0 {
		return m, fmt.Errorf("find guest memory: its process has it nowhere")
	}
	return m, nil
}

// errAlike says that it is not known which memory file is which.
var errAlike = errors.New("find guest memory: its files cannot be told apart")

// openMemory opens the memory files for reading: what is there at boot, then what is plugged. Those are told apart by their sizes, and
// where these are the same, by what QEMU may do with them: it has been told that it may not change the size of the first.
func (vm *VM) openMemory() (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	for _, path := range vm.memoryFiles {
		f, err := openMemoryFile(path)
		if err != nil {
			return files, fmt.Errorf("open guest memory: %w", err)
		}
		files = append(files, f)
	}
	if hasEnded(vm.proc) { // the paths may by now mean another process
		return files, ErrNotRunning
	}
	if len(files) == 1 {
		return files, nil
	}
	var sizes [2]int64
	var sealed [2]bool
	for i, f := range files {
		info, err := f.Stat()
		if err != nil {
			return files, fmt.Errorf("look at guest memory: %w", err)
		}
		seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
		if err != nil {
			return files, fmt.Errorf("look at guest memory: %w", err)
		}
		sizes[i], sealed[i] = info.Size(), seals&unix.F_SEAL_GROW != 0
	}
	first, err := bootFirst(sizes, sealed, vm.cfg.BootMemory)
	if err == nil && !first {
		slices.Reverse(files)
	}
	return files, err
}

// openMemoryFile opens one of QEMU's descriptors for reading, if it is still memory: a QEMU that was taken over may have put anything in its place,
// whose opening would not return, or which its user has no right to read.
func openMemoryFile(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	var fs unix.Statfs_t
	err = errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fs))
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 0 || fs.Type != unix.TMPFS_MAGIC {
		return nil, fmt.Errorf("%s is no memory: %w", path, errors.Join(err, unix.EINVAL))
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// bootFirst reports whether the first of two memory files is what is there at boot.
func bootFirst(sizes [2]int64, sealed [2]bool, boot int64) (bool, error) {
	switch {
	case sizes[0] != sizes[1] && (sizes[0] == boot) != (sizes[1] == boot):
		return sizes[0] == boot, nil
	case sizes == [2]int64{boot, boot} && sealed[0] != sealed[1]:
		return sealed[0], nil
	}
	return false, errAlike
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
