package hvcall

// Cause says how an application ended. Every cause is distinct, so that an operator is never
// left to guess.
type Cause string

// The causes.
const (
	CauseExit     Cause = "exit"     // it returned or called os.Exit
	CauseSignal   Cause = "signal"   // ended by a signal
	CausePanic    Cause = "panic"    // a Go panic or fatal error; Trace has it
	CauseMemory   Cause = "memory"   // the kernel killed it for want of memory
	CauseRefused  Cause = "refused"  // it waited at the memory gate longer than allowed
	CauseHung     Cause = "hung"     // it did not answer its liveness probe or its watchdog; Trace has its goroutines
	CauseStart    Cause = "start"    // it could not be started
	CauseInit     Cause = "init"     // PID 1 itself failed
	CauseKernel   Cause = "kernel"   // the guest's kernel panicked; stated by the host
	CauseSilent   Cause = "silent"   // the guest answered its host nothing any more; stated by the host
	CauseHost     Cause = "host"     // ended from outside: killed, or QEMU died; stated by the host
	CauseShutdown Cause = "shutdown" // ended by a signal that a shutdown asked for
)

var causes = map[Cause]bool{CauseExit: true, CauseSignal: true, CausePanic: true, CauseMemory: true, CauseRefused: true, CauseHung: true,
	CauseStart: true, CauseInit: true, CauseKernel: true, CauseSilent: true, CauseHost: true, CauseShutdown: true}

// MaxTrace is the longest text and the longest trace, in bytes, that an Exit carries; the beginning
// is kept, and what is not UTF-8 is replaced.
const MaxTrace = 64 << 10

// Exit is how an application ended.
type Exit struct {
	Cause  Cause  `json:"cause"`
	Code   int    `json:"code"`             // what a shell would show: the exit code, or 128 + signal
	Signal int    `json:"signal,omitempty"` // number of the signal
	Text   string `json:"text,omitempty"`   // one line for people
	Trace  string `json:"trace,omitempty"`  // panic trace

	Core     string `json:"core,omitempty"`      // the file with a core of the application; stated by the host
	CoreLost string `json:"core_lost,omitempty"` // why there is none where one was wanted
}

// Encode returns the JSON form, text and trace cut to MaxTrace. The trace is what the application
// wrote, any bytes at all: the host must accept it still, or nobody hears how the application ended.
func (e Exit) Encode() []byte {
	e.Text, e.Trace = clip(e.Text, MaxTrace), clip(e.Trace, MaxTrace)
	e.CoreLost = clip(e.CoreLost, maxFaultText)
	return mustJSON(e)
}

// DecodeExit reads and checks an Exit.
func DecodeExit(b []byte) (Exit, error) {
	var e Exit
	if err := unmarshal(OpExit, b, &e); err != nil {
		return Exit{}, err
	}
	switch {
	case !causes[e.Cause]:
		return Exit{}, &FrameError{Field: "exit cause", Why: "unknown"}
	case e.Code < 0 || e.Code > 255:
		return Exit{}, &FrameError{Field: "exit code", Value: uint64(e.Code), Why: "out of range"}
	case e.Signal < 0 || e.Signal > 64:
		return Exit{}, &FrameError{Field: "exit signal", Value: uint64(e.Signal), Why: "out of range"}
	case len(e.Trace) > MaxTrace || len(e.Text) > MaxTrace:
		return Exit{}, &FrameError{Field: "exit trace", Value: uint64(len(e.Trace)), Why: "too long"}
	case e.Core != "":
		return Exit{}, &FrameError{Field: "exit core", Value: uint64(len(e.Core)), Why: "a guest knows nothing of its host's files"}
	case len(e.CoreLost) > maxFaultText:
		return Exit{}, &FrameError{Field: "exit core_lost", Value: uint64(len(e.CoreLost)), Why: "too long"}
	}
	return e, nil
}
