package vmm

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// The tiny guest does what shows that the processor runs it, writes one byte to QEMU's debug exit port and is done. On the way
// it has been through the firmware in real mode, the loader and 32-bit protected mode.
//
// There are hosts, virtual machines themselves, whose KVM interprets its guests. That is slower than emulation by QEMU, and
// ends with an error at the first instruction that is unknown there. One that is, and that every processor has, is pxor
// (Linux's own interpreter, arch/x86/kvm/emulate.c, only moves such registers). A KVM that came to know it would
// not count to probeCount in time.
const (
	probePort  = 0xf4
	probeByte  = 0x2a
	probeExit  = probeByte<<1 | 1 // the status with which isa-debug-exit ends QEMU
	probeStart = 0x100000         // where it is loaded and entered
	probeCount = 20_000_000       // emulation takes 0.1 s for it; an interpreting KVM took 11 s
)

var probeCode = []byte{
	0x0f, 0x20, 0xe0, // mov %cr4, %eax
	0x0d, 0x00, 0x06, 0x00, 0x00, // or $(OSFXSR|OSXMMEXCPT), %eax
	0x0f, 0x22, 0xe0, // mov %eax, %cr4
	0x66, 0x0f, 0xef, 0xc0, // pxor %xmm0, %xmm0
	0xb9, probeCount & 0xff, probeCount >> 8 & 0xff, probeCount >> 16 & 0xff, probeCount >> 24, // mov $probeCount, %ecx
	0x49,       // dec %ecx
	0x75, 0xfd, // jnz to the dec
	0xb0, probeByte, // mov $0x2a, %al
	0xe6, probePort, // out %al, $0xf4
	0xf4,       // hlt
	0xeb, 0xfd, // jmp to the hlt
}

// pvhEntryNote is XEN_ELFNOTE_PHYS32_ENTRY: where a loader enters in 32-bit mode.
const pvhEntryNote = 18

// probeGuest is the tiny guest as an ELF image with a PVH note, which is how QEMU loads
// silo's kernel as well.
func probeGuest() []byte {
	note := probeNote()
	const headers = 64 + 2*56 // ELF header and two program headers
	noteAt := uint64(headers)
	codeAt := noteAt + uint64(len(note))
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Entry: probeStart, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	size := uint64(len(probeCode))
	load := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Off: codeAt,
		Vaddr: probeStart, Paddr: probeStart, Filesz: size, Memsz: size, Align: 1,
	}
	notes := elf.Prog64{
		Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: noteAt,
		Filesz: uint64(len(note)), Memsz: uint64(len(note)), Align: 4,
	}
	var image bytes.Buffer
	for _, part := range []any{header, load, notes, note, probeCode} {
		// Values of fixed size go into memory without error.
		_ = binary.Write(&image, binary.LittleEndian, part)
	}
	return image.Bytes()
}

func probeNote() []byte {
	var note []byte
	for _, word := range []uint32{4, 4, pvhEntryNote} { // sizes of name and value, type
		note = binary.LittleEndian.AppendUint32(note, word)
	}
	note = append(note, "Xen\x00"...)
	return binary.LittleEndian.AppendUint32(note, probeStart)
}

// probeArgs is the command line that boots the tiny guest from an inherited descriptor.
func probeArgs(accel string, fd int) []string {
	var a arguments
	a.flag("-no-user-config", "-nodefaults", "-no-reboot")
	a.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	a.add("-display", "none")
	a.add("-machine", "q35,dump-guest-core=off,hpet=off,smm=off,sata=off,usb=off,i8042=off,smbus=off,vmport=off")
	a.flag(accelArgs(accel)...)
	a.add("-m", sizeArg(32<<20))
	a.device(fmt.Sprintf("isa-debug-exit,iobase=%#x,iosize=1", probePort))
	a.add("-kernel", fmt.Sprintf("/proc/self/fd/%d", fd))
	return a
}

// bootProbe returns nil when the tiny guest ran to its end under accel.
func bootProbe(ctx context.Context, qemu, accel string) error {
	image, err := anonymousFile("probe", probeGuest())
	if err != nil {
		return err
	}
	defer image.Close()
	p, err := startProcess(command{name: qemu, args: probeArgs(accel, 3), inherit: []*os.File{image}})
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		stop(p)
		return fmt.Errorf("boot a guest under %s: %w", accel, ctx.Err())
	}
	if status, _ := p.status(); status.Exited() && status.ExitStatus() == probeExit {
		return nil
	}
	return fmt.Errorf("boot a guest under %s: %w", accel, probeFailure(p))
}

func probeFailure(p *process) error {
	how := p.cmd.ProcessState.String()
	if status, _ := p.status(); status.Signaled() && status.Signal() == syscall.SIGABRT {
		how = "qemu aborted"
	}
	if said := strings.Join(p.words(), "; "); said != "" {
		return errors.New(said + " (" + how + ")")
	}
	return errors.New(how)
}
