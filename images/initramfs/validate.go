package initramfs

import (
	"errors"
	"fmt"
	"io"

	"github.com/u-root/mkuimage/cpio"
)

// Validate reads an archive and returns an error that lists all in which it is not the
// archive of a guest: what is missing, what should not be there, and what would differ if
// it were made again.
func Validate(r io.ReaderAt) error {
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(r))
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	want := expected()
	var faults []error
	last := ""
	for _, rec := range records {
		if isFiller(rec) {
			continue
		}
		if rec.Name < last {
			faults = append(faults, fmt.Errorf("%s: after %s, out of order", rec.Name, last))
		}
		last = rec.Name
		mode, ok := want[rec.Name]
		if !ok {
			faults = append(faults, validateOther(rec)...)
			continue
		}
		delete(want, rec.Name)
		faults = append(faults, validateRecord(rec, mode)...)
		if mode&cpio.S_IFMT == cpio.S_IFREG && !startsAsELF(rec) {
			faults = append(faults, fmt.Errorf("%s: no ELF program", rec.Name))
		}
	}
	for name := range want {
		faults = append(faults, fmt.Errorf("%s: missing", name))
	}
	return errors.Join(faults...)
}

// expected returns the mode, with the type, of everything in an archive.
func expected() map[string]uint64 {
	modes := map[string]uint64{
		InitPath: cpio.S_IFREG | 0o755, AppPath: cpio.S_IFREG | 0o755,
		"dev/console": cpio.S_IFCHR | 0o600,
	}
	for _, f := range folders {
		modes[f.name] = cpio.S_IFDIR | f.mode
	}
	return modes
}

// validateRecord checks one record of the archive.
func validateRecord(r cpio.Record, mode uint64) []error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(r.Name+": "+format, args...))
	}
	if r.Mode != mode {
		fault("mode %#o, want %#o", r.Mode, mode)
	}
	if r.UID != 0 || r.GID != 0 {
		fault("belongs to %d:%d, want root", r.UID, r.GID)
	}
	if r.MTime != 0 || r.Dev != 0 {
		fault("tells when or where it was made (time %d, device %d)", r.MTime, r.Dev)
	}
	switch mode & cpio.S_IFMT {
	case cpio.S_IFCHR:
		if r.Rmajor != 5 || r.Rminor != 1 {
			fault("device %d:%d, want 5:1", r.Rmajor, r.Rminor)
		}
	case cpio.S_IFREG:
		if r.FileSize >= pageSize && r.FilePos%pageSize != 0 {
			fault("content at %#x, not at a page", r.FilePos)
		}
	}
	return faults
}

// validateOther checks what is neither a program nor a folder that every guest has.
func validateOther(r cpio.Record) []error {
	if reason := refusePath(r.Name); reason != "" {
		return []error{fmt.Errorf("%s: not a part of a guest: %s", r.Name, reason)}
	}
	switch r.Mode & cpio.S_IFMT {
	case cpio.S_IFDIR:
		return validateRecord(r, cpio.S_IFDIR|0o755)
	case cpio.S_IFREG:
		return validateRecord(r, cpio.S_IFREG|r.Mode&0o777)
	}
	return []error{fmt.Errorf("%s: mode %#o: neither a file nor a folder", r.Name, r.Mode)}
}

// startsAsELF tells whether a record's content begins as an ELF file does.
func startsAsELF(r cpio.Record) bool {
	magic := make([]byte, 4)
	if r.ReaderAt == nil {
		return false
	}
	n, _ := r.ReadAt(magic, 0)
	return string(magic[:n]) == "\x7fELF"
}
