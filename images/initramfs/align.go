package initramfs

import (
	"io"
	"strings"

	"github.com/u-root/mkuimage/cpio"
)

// Sizes in the archive's format.
const (
	pageSize   = 4096
	headerSize = 110                   // of a record, before its name
	minFiller  = 116                   // its name is ".", NUL, a number, and NULs
	maxFiller  = headerSize + 4096 - 2 // in steps of 4; a name of more than 4096 bytes makes the kernel skip all
)

// alignedWriter writes each record as one that tells nothing of this machine, and the content
// of each file of a page or more at the start of a page. There the kernel takes the pages for the file as
// they lie in memory; elsewhere it copies them (patch 0009 of package images).
//
// What makes up the room is a filler before the file: the root folder once more, which is
// there already, by a name that ends in as many NULs as need be. The kernel stops at the first.
type alignedWriter struct {
	w       cpio.RecordWriter
	out     *countingWriter
	fillers int
}

func newAlignedWriter(w io.Writer) *alignedWriter {
	out := &countingWriter{w: w}
	return &alignedWriter{w: cpio.Newc.Writer(out), out: out}
}

// WriteRecord writes a record, after fillers if it has whole pages of content.
func (a *alignedWriter) WriteRecord(r cpio.Record) error {
	r = cpio.MakeReproducible(r)
	for r.FileSize >= pageSize {
		size := fillerSize(a.out.n + recordSize(len(r.Name)+1))
		if size == 0 {
			break
		}
		if size > maxFiller {
			size = pageSize / 2 // and another one
		}
		if err := a.w.WriteRecord(a.filler(size)); err != nil {
			return err
		}
	}
	return a.w.WriteRecord(r)
}

// filler returns a filler of so many bytes. The number is for the writer, which leaves out a
// record whose whole name was there before.
func (a *alignedWriter) filler(size int) cpio.Record {
	a.fillers++
	r := cpio.MakeReproducible(cpio.Directory(".", rootMode))
	r.Name += "\x00" + string(rune('0'+a.fillers%10))
	r.Name += strings.Repeat("\x00", size-headerSize-len(r.Name)-1)
	return r
}

// fillerSize returns how large a filler moves what is at offset to the start of a page. A
// record cannot be smaller than its header and the shortest name: then it fills a page more.
func fillerSize(offset int64) int {
	size := int(pageSize-offset%pageSize) % pageSize
	if size > 0 && size < minFiller {
		size += pageSize
	}
	return size
}

// recordSize returns the size of a record up to its content, by that of its name with the NUL.
func recordSize(name int) int64 { return (headerSize + int64(name) + 3) &^ 3 }

// isFiller tells whether a record that was read is one.
func isFiller(r cpio.Record) bool { return strings.HasPrefix(r.Name, ".\x00") }

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
