package initramfs

import (
	"io"
	"strings"

	"github.com/u-root/mkuimage/cpio"
)

// Sizes in the archive's format.
const (
	pageSize   = 4096
	headerSize = 110  // of a record, before its name
	maxName    = 4096 // bytes of a name with its final NUL: more and the kernel skips the record
)

// alignedWriter writes each record as one that tells nothing of this machine, and the content
// of each file at the start of a page. There the kernel takes the pages for the file as
// they lie in memory; elsewhere it copies them (patch 0009 of package images).
//
// What is before a file's content is its name: trailing NULs make it as long as need be.
type alignedWriter struct {
	w   cpio.RecordWriter
	out *countingWriter
}

func newAlignedWriter(w io.Writer) *alignedWriter {
	out := &countingWriter{w: w}
	return &alignedWriter{cpio.Newc.Writer(out), out}
}

// WriteRecord writes a record, after a filler where its name alone cannot reach the page.
func (a *alignedWriter) WriteRecord(r cpio.Record) error {
	r = cpio.MakeReproducible(r)
	if r.FileSize == 0 {
		return a.w.WriteRecord(r)
	}
	pad := a.padding(a.out.n, r.Name)
	if len(r.Name)+1+pad > maxName {
		// The root once more, with half a page of name.
		filler := cpio.MakeReproducible(cpio.Directory(".", rootMode))
		filler.Name += strings.Repeat("\x00", pageSize/2)
		if err := a.w.WriteRecord(filler); err != nil {
			return err
		}
		pad = a.padding(a.out.n, r.Name)
	}
	r.Name += strings.Repeat("\x00", pad)
	return a.w.WriteRecord(r)
}

// padding returns how many NULs a name needs for the content of its record, which begins at
// offset in the archive, to begin at a page.
func (a *alignedWriter) padding(offset int64, name string) int {
	content := offset + headerSize + int64(len(name)) + 1
	return int((pageSize - content%pageSize) % pageSize)
}

// Finish writes the record that ends an archive.
func (a *alignedWriter) Finish() error { return cpio.WriteTrailer(a.w) }

// countingWriter counts what is written.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
