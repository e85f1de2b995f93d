package hvcall

// Stream says which output a Log frame carries.
type Stream uint8

// The streams.
const (
	StreamOut   Stream = 1 // the application's standard output
	StreamErr   Stream = 2 // the application's standard error
	StreamInit  Stream = 3 // PID 1's own log
	streamLimit        = 4
)

// MaxLog is the most output, in bytes, that one Log frame carries. It is small so that a demand
// never waits long behind a flood of output.
const MaxLog = 16 << 10

// Log is a piece of output, as it came: no line is waited for.
type Log struct {
	Stream Stream
	Data   []byte
}

// AppendTo appends the wire form: the stream, then the bytes.
func (l Log) AppendTo(b []byte) []byte { return append(append(b, byte(l.Stream)), l.Data...) }

// DecodeLog reads and checks a Log. Data aliases b.
func DecodeLog(b []byte) (Log, error) {
	if len(b) < 1 || len(b) > 1+MaxLog {
		return Log{}, &FrameError{Field: "log size", Value: uint64(len(b)), Why: "out of range"}
	}
	if b[0] == 0 || b[0] >= streamLimit {
		return Log{}, &FrameError{Field: "log stream", Value: uint64(b[0]), Why: "unknown"}
	}
	return Log{Stream: Stream(b[0]), Data: b[1:]}, nil
}
