package manifest

import (
	"fmt"
	"os"
	"time"
)

// FileName is how the file is called in a package's folder.
const FileName = "silo.yaml"

// Manifest is what a file says. What it does not say is zero.
type Manifest struct {
	File string // its path, for errors

	Name, Memory, CPUs, Weight, Network     Text
	Restart, Shutdown, Hello, Refuse, Saved Text // as the flags --restart, --shutdown-within, --hello-within, --refuse-after, --template
	Answer                                  Text // as the flag --answer-within
	Ports, Volumes, DNS, Args               []Text
	Dir, Bridge, Core                       Text   // Bridge: as the flag --net; Core: as --core, relative to the file
	Env, Files                              []Pair // Files: from the path in the guest to that on this machine
	Secrets                                 []Secret
	Readiness, Liveness                     *Probe
	Watchdog                                time.Duration // 0 = none
}

// Text is a value as it is written.
type Text struct {
	Value string
	Line  int // 0 = the file does not have it
}

// Pair is a name with its value.
type Pair struct {
	Name string
	Text
}

// Probe is how to find out whether an application serves. One of TCP and HTTP is given.
type Probe struct {
	Port     int
	Path     string        // of HTTP; "" = TCP: who accepts a connection serves
	Every    time.Duration // 0 = the default
	Within   time.Duration // for an answer; 0 = the default
	Failures int           // in a row that count as one; 0 = the default
}

// Error says what is wrong with a file, and where.
type Error struct {
	File string
	Line int // 0 = the file as a whole
	What string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.What)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What)
}

// Read reads a file. What is wrong with its content is an *Error.
func Read(path string) (*Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return Parse(path, data)
}

// Fault makes an error about a value of the file.
func (m *Manifest) Fault(t Text, format string, args ...any) error {
	return &Error{m.File, t.Line, fmt.Sprintf(format, args...)}
}
