package bench

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestJudgeGrants(t *testing.T) {
	times := grantTimes{
		granted: map[string][]float64{grantSilo: {6, 4, 5}, grantSysfs: {50, 40, 45}, grantOwn: {20, 30, 25}, grantACPI: {200, 150, 190}},
		revoked: map[string][]float64{grantCalled: {4, 2, 3}, grantSysfs: {40, 60, 50}, grantOwn: {6, 6, 6}, grantUnplug: {80}},
	}
	got, err := judgeGrants("linux-image-x", times)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		bar   string
		value float64
		ok    bool
		note  string
	}{
		{"cpu.grant_ratio_sysfs", 5.0 / 45, false, "p50 25.0"},
		{"cpu.grant_ratio_acpi", 5.0 / 190, true, "linux-image-x"},
		{"cpu.revoke_ratio", 3.0 / 50, true, "of sysfs, the quicker"},
	} {
		if r := got[i]; r.Bar != want.bar || r.Value != want.value || r.OK != want.ok || !strings.Contains(r.Note, want.note) {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	delete(times.granted, grantACPI)
	if _, err := judgeGrants("x", times); err == nil {
		t.Error("a mechanism that was not measured made a row")
	}
}

func TestLinesAreHeardInWholeAndOnce(t *testing.T) {
	l := newLines()
	gone := make(chan struct{})
	var hooked []string
	l.each(func(line string) { hooked = append(hooked, line) })
	for _, piece := range []string{"[    0.1] kernel\r\ndema", "nd 2000 17\n", `{"Kind":"burst","Began":5,"Ran":9}` + "\n"} {
		if _, err := l.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	e, err := l.event(t.Context(), gone, "burst")
	if err != nil || e.Began != 5 || e.Ran != 9 {
		t.Errorf("%+v, %v", e, err)
	}
	if len(hooked) != 3 || hooked[1] != "demand 2000 17" {
		t.Errorf("hooked %q", hooked)
	}
	close(gone)
	if _, err := l.event(t.Context(), gone, "burst"); err == nil || !strings.Contains(err.Error(), "kernel") {
		t.Errorf("heard twice, or without the last lines: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := l.await(ctx, nil, "never"); err == nil {
		t.Error("heard what was never said")
	}
}
