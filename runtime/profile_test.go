package runtime

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/silo-os/silo/hvcall"
)

func TestProfiles(t *testing.T) {
	for _, k := range hvcall.ProfileKinds {
		if k == hvcall.ProfileQuit { // PID 1 does that
			continue
		}
		b, err := profile(t.Context(), hvcall.Profile{Kind: k, Millis: 1})
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		text, err := io.ReadAll(z)
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", k, len(text), err)
		}
		if k == hvcall.ProfileStack && !strings.Contains(string(text), "TestProfiles(") {
			t.Errorf("this test is not among the stacks:\n%s", text)
		}
	}
}

func TestProfileIsNotMadeTwiceAtOnce(t *testing.T) {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Skipf("this test profiles, and so does whoever runs it: %v", err)
	}
	defer pprof.StopCPUProfile()
	var fault *hvcall.Fault
	if _, err := profile(t.Context(), hvcall.Profile{Kind: hvcall.ProfileCPU}); !errors.As(err, &fault) || fault.Code != hvcall.CodeBusy {
		t.Errorf("a second profile: %v", err)
	}
	if _, err := profile(t.Context(), hvcall.Profile{Kind: hvcall.ProfileQuit}); !errors.As(err, &fault) || fault.Code != hvcall.CodeUnknown {
		t.Errorf("quit: %v", err)
	}
}

func TestProfileEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := profile(ctx, hvcall.Profile{Kind: hvcall.ProfileCPU}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := profile(t.Context(), hvcall.Profile{Kind: hvcall.ProfileCPU, Millis: 1}); err != nil {
		t.Errorf("the one before was not ended: %v", err)
	}
}
