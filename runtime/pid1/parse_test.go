package pid1

import (
	"slices"
	"testing"
	"time"

	"github.com/silo-os/silo/hvcall"
)

func TestParseOOM(t *testing.T) {
	if st := parseOOM([]byte("oom_kill_disable 1\nunder_oom 1\noom_kill 3")); !st.waiting || st.kills != 3 {
		t.Errorf("%+v", st)
	}
	if st := parseOOM([]byte("oom_kill_disable 1\nunder_oom 0\noom_kill 0\n")); st.waiting || st.kills != 0 {
		t.Errorf("%+v", st)
	}
}

func TestParsePressure(t *testing.T) {
	d, err := parsePressure([]byte("some avg10=1.53 avg60=0.87 avg300=0.00 total=58761459\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n"))
	if err != nil || d != 58761459*time.Microsecond {
		t.Errorf("%v, %v", d, err)
	}
	for _, bad := range []string{"", "some avg10=0.00", "full total=4", "some total=x"} {
		if _, err := parsePressure([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestParseKept(t *testing.T) {
	zones := "Node 0, zone   Normal\n  pages free     1624\n        boost    0\n        min      500\n        low      625\n" +
		"        high     750\n        protection: (0, 1536)\n  cpu: 0\n              high:  42\n" +
		"Node 0, zone  Movable\n        low      20\n        protection: (0, 0)\n"
	if n, err := parseKept([]byte(zones)); err != nil || n != 625+1536+20 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "low x\n", "low 5\nprotection: 0, y\n"} {
		if _, err := parseKept([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestStatField(t *testing.T) {
	stat := "cache 4096\ninactive_file 7\ntotal_inactive_file 8192\ntotal_active_file x\n"
	if n, ok := statField([]byte(stat), "total_inactive_file"); !ok || n != 8192 {
		t.Errorf("%d, %v", n, ok)
	}
	for _, name := range []string{"total_active_file", "file", ""} {
		if n, ok := statField([]byte(stat), name); ok {
			t.Errorf("%q found: %d", name, n)
		}
	}
}

func TestParseRunnable(t *testing.T) {
	if n, err := parseRunnable([]byte("0.20 0.18 0.12 3/80 1206\n")); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "1 2 3", "1 2 3 x/9 4"} {
		if _, err := parseRunnable([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestWholeCPUs(t *testing.T) {
	for milli, want := range map[uint32]int{0: 1, 1: 1, 250: 1, 1000: 1, 1001: 2, 2000: 2, 8000: 8} {
		if got := wholeCPUs(milli); got != want {
			t.Errorf("wholeCPUs(%d) = %d, want %d", milli, got, want)
		}
	}
}

func TestEnvironmentOfTheUserWins(t *testing.T) {
	env := environment(hvcall.Welcome{Name: "box", Env: []string{"HOME=/data", "TOKEN=secret", "ZONEINFO=/usr/share/zoneinfo.zip"}})
	slices.Sort(env)
	want := []string{"HOME=/data", "HOSTNAME=box", "PATH=/app:/bin", hvcall.EnvFD + "=3", "TMPDIR=/tmp", "TOKEN=secret", "ZONEINFO=/usr/share/zoneinfo.zip"}
	if !slices.Equal(env, want) {
		t.Errorf("environment %q, want %q", env, want)
	}
	for _, c := range []struct{ given, want string }{{"X=1", "GOTRACEBACK=crash"}, {"GOTRACEBACK=all", "GOTRACEBACK=all"}} {
		if env := environment(hvcall.Welcome{Env: []string{c.given}, Cores: true}); !slices.Contains(env, c.want) || slices.Contains(env, "GOTRACEBACK=crash") != (c.want == "GOTRACEBACK=crash") {
			t.Errorf("where cores are wanted, %q becomes %q", c.given, env)
		}
	}
}
