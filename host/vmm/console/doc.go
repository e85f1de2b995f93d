// Package console keeps the end of a stream of text that comes from somebody who is not
// trusted: a guest's serial console, or QEMU's standard error.
//
// A [Log] is bounded whatever is written to it, and what it gives out is safe to show on a
// terminal: no escape sequences, no control characters, valid UTF-8.
//
//	log := &console.Log{CopyTo: os.Stderr}
//	io.Copy(log, serial)
//	log.Flush()
//	last := log.Tail()
package console
