package bench

import (
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testEvents = `{"Action":"start"}
{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"one\n"}
{"Action":"run","Test":"TestA/x"}
{"Action":"fail","Test":"TestA/x"}
{"Action":"fail","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"pass","Test":"TestB"}
{"Action":"run","Test":"TestC"}
{"Action":"skip","Test":"TestC"}
{"Action":"run","Test":"TestCut"}
{"Action":"output","Test":"TestCut","Output":"no end"}
{"Action":"fail"}
`

func TestDecodeResults(t *testing.T) {
	got, err := decodeResults(strings.NewReader(testEvents))
	if err != nil {
		t.Fatal(err)
	}
	want := results{"TestA": {failed, "one\n"}, "TestA/x": {failed, ""}, "TestB": {passed, ""}, "TestC": {skipped, ""}, "TestCut": {none, "no end"}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(testResult{})); d != "" {
		t.Error(d)
	}
	if names := got.failures(); !slices.Equal(names, []string{"TestA", "TestCut"}) {
		t.Errorf("to be run again: %v", names)
	}
	if s := got.String(); s != "1 passed, 3 failed, 1 skipped" {
		t.Error(s)
	}
	if _, err := decodeResults(strings.NewReader("PASS")); err == nil {
		t.Error("something that is no event was taken")
	}
}

func TestCompare(t *testing.T) {
	host := results{"A": {passed, ""}, "A/x": {passed, ""}, "A/y": {passed, ""}, "B": {passed, ""}, "C": {skipped, ""}, "Gone": {passed, ""}}
	guest := results{"A": {failed, ""}, "A/x": {failed, "why\n"}, "A/y": {passed, ""}, "B": {passed, ""}, "C": {skipped, ""}, "New": {failed, ""}}
	var got []string
	for _, d := range compare("os", host, guest) {
		got = append(got, d.String())
	}
	want := []string{"os.A/x: pass on the host, fail in the guest", "os.Gone: pass on the host, none in the guest",
		"os.New: none on the host, fail in the guest"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestJudgeCompat(t *testing.T) {
	known := difference{pkg: "net", test: "TestMultiPathTCP", host: passed, guest: skipped}
	worse := known
	worse.guest = failed
	for _, c := range []struct {
		found []difference
		want  float64
	}{{nil, 0}, {[]difference{known}, 0}, {[]difference{known, worse}, 1}} {
		r, err := judgeCompat(Config{Out: io.Discard}, []string{"net"}, 10, c.found)
		if err != nil || r[0].Value != c.want || r[0].OK != (c.want == 0) {
			t.Errorf("%v: %+v, %v", c.found, r, err)
		}
	}
	if _, err := judgeCompat(Config{Out: io.Discard}, nil, 0, nil); err == nil {
		t.Error("a run without tests is a result")
	}
}

func TestExplanationsAreWhole(t *testing.T) {
	for _, e := range explained {
		if _, err := path.Match(e.test, ""); err != nil || e.why == "" || e.host == e.guest || !slices.Contains(compatPackages, e.pkg) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestPickPackages(t *testing.T) {
	if p, err := pickPackages(""); err != nil || len(p) != len(compatPackages) {
		t.Errorf("%v, %v", p, err)
	}
	if p, err := pickPackages("os,net/http"); err != nil || !slices.Equal(p, []string{"os", "net/http"}) {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := pickPackages("os,fmt"); err == nil {
		t.Error("fmt was taken")
	}
}
