package elastic

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
)

// ErrSuperseded is why a resize ends that a newer one has overtaken.
var ErrSuperseded = errors.New("a newer size was asked for")

// SizeError says that a machine cannot have the size asked for. Nothing was changed.
type SizeError struct {
	Want, Boot, Max int64 // bytes in total
}

// Error implements error.
func (e *SizeError) Error() string {
	return fmt.Sprintf("resize to %d bytes: the machine takes %s to %s in steps of %s",
		e.Want, human(e.Boot), human(e.Max), human(BlockSize))
}

// ResizeError says that the guest had not reached the size when waiting ended. The request
// stands: the guest may reach it later, unless another one replaces it.
type ResizeError struct {
	Want, Now int64 // bytes in total
	Err       error // ErrSuperseded, the context's cause, or the device's failure
}

// Error implements error.
func (e *ResizeError) Error() string {
	return fmt.Sprintf("resize to %s: now at %s: %v", human(e.Want), human(e.Now), e.Err)
}

// Unwrap returns why waiting ended.
func (e *ResizeError) Unwrap() error { return e.Err }

func human(n int64) string { return humanize.IBytes(uint64(n)) }
