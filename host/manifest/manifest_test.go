package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const whole = `# a shop
name: shop
memory: 64M:2G
cpus: 0.5:2
weight: 200
network: user
restart: on-failure
shutdown: 20s
hello: 1m
refuse-after: 30s
template: off
dir: /data
ports: [8080:80, "5353:53/udp"]
dns:
  - 9.9.9.9
args: [-listen, ":80", --]
env:
  GREETING: hello, world
  WORKERS: 4
  DEBUG: true
files:
  /etc/shop: ./conf
secrets:
  TOKEN: {file: token}
  KEY:
    env: SHOP_KEY
volumes:
  - data:/var/lib/shop
  - ./assets:/assets:ro
readiness:
  http: 80/healthz
  every: 500ms
  within: 2s
liveness: {tcp: 80, failures: 5}
watchdog: 10s
core: crashes
`

func TestParse(t *testing.T) {
	m, err := Parse("silo.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{File: "silo.yaml",
		Name: Text{"shop", 2}, Memory: Text{"64M:2G", 3}, CPUs: Text{"0.5:2", 4}, Weight: Text{"200", 5}, Network: Text{"user", 6},
		Restart: Text{"on-failure", 7}, Shutdown: Text{"20s", 8}, Hello: Text{"1m", 9}, Refuse: Text{"30s", 10}, Saved: Text{"off", 11},
		Dir: Text{"/data", 12}, Ports: []Text{{"8080:80", 13}, {"5353:53/udp", 13}}, DNS: []Text{{"9.9.9.9", 15}},
		Args:      []Text{{"-listen", 16}, {":80", 16}, {"--", 16}},
		Env:       []Pair{{"GREETING", Text{"hello, world", 18}}, {"WORKERS", Text{"4", 19}}, {"DEBUG", Text{"true", 20}}},
		Files:     []Pair{{"/etc/shop", Text{"./conf", 22}}},
		Secrets:   []Secret{{Name: "TOKEN", File: "token", Line: 24}, {Name: "KEY", Env: "SHOP_KEY", Line: 25}},
		Volumes:   []Text{{"data:/var/lib/shop", 28}, {"./assets:/assets:ro", 29}},
		Readiness: &Probe{Port: 80, Path: "/healthz", Every: 500 * time.Millisecond, Within: 2 * time.Second},
		Liveness:  &Probe{Port: 80, Failures: 5}, Watchdog: 10 * time.Second, Core: Text{"crashes", 36},
	}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
}

// TestEveryMistakeIsTold: by its line, in one sentence.
func TestEveryMistakeIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\nmemroy: 64M\n":                         `silo.yaml:2: unknown key "memroy": did you mean memory?`,
		"name: a\n\nnonsense: 1\n":                       `silo.yaml:3: unknown key "nonsense": the keys are answer-within, args, bridge, core, cpus, dir,`,
		"- a\n":                                          "silo.yaml:1: a manifest has keys",
		"text":                                           "silo.yaml:1: a manifest has keys",
		"name: [a]\n":                                    "silo.yaml:1: one value is wanted here, and not sequence",
		"ports: 80:80\n":                                 "silo.yaml:1: a list is wanted here",
		"env:\n  A=B: c\n":                               `silo.yaml:2: env: "A=B" is not a name of a variable`,
		"files:\n  etc/x: y\n":                           `silo.yaml:2: files: "etc/x" is not a path in the guest`,
		"secrets:\n  TOKEN: plain\n":                     "silo.yaml:2: secret TOKEN has keys",
		"secrets:\n  TOKEN: {}\n":                        "silo.yaml:2: secrets: TOKEN: say either file: PATH or env: NAME",
		"secrets:\n  TOKEN: {env: A, file: b}\n":         "silo.yaml:2: secrets: TOKEN: say either",
		"secrets:\n  TOKEN: {value: a}\n":                `silo.yaml:2: unknown key "value": the keys are env, file`,
		"volumes: [data]\n":                              `silo.yaml:1: volumes: "data" is not a volume`,
		"volumes: [\"da ta:/x\"]\n":                      "is not a volume",
		"volumes: [\"data:x\"]\n":                        "is not a volume",
		"readiness: {}\n":                                "silo.yaml:1: readiness: say either tcp: PORT or http: PORT/PATH",
		"readiness:\n  tcp: 70000\n":                     `silo.yaml:2: readiness: tcp: "70000" is not a port`,
		"readiness:\n  tcp: 80\n  http: 80/x\n":          "readiness: say either",
		"readiness:\n  http: \"80/a b\"\n":               "silo.yaml:2: readiness: http: a path has no spaces",
		"liveness:\n  tcp: 80\n  every: often\n":         `silo.yaml:3: liveness: every: "often" is not a time`,
		"liveness:\n  tcp: 80\n  failures: 0\n":          "silo.yaml:3: liveness: failures: a number from 1",
		"watchdog: 1\n":                                  `silo.yaml:1: watchdog: "1" is not a time`,
		"name: a\nname: b\n":                             "silo.yaml:2: ",
		"name: a\n  memory: 1\n":                         "silo.yaml:1: mapping value is not allowed",
		"name: \"a\n":                                    "silo.yaml:1: ",
		"name: a\n---\nname: b\n":                        "a second document",
		"name: &x a\nmemory: *x\n":                       "silo.yaml:1: one value is wanted here, and not anchor",
		"name: " + strings.Repeat("x", mostBytes) + "\n": "bytes are no manifest",
	} {
		_, err := Parse("silo.yaml", []byte(text))
		var e *Error
		if err == nil || !errors.As(err, &e) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: error %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		if _, err := Parse("silo.yaml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretsComeFromElsewhere(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "s3cret\n", "bad": "a\x00b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lookup := func(name string) (string, bool) { return "from silo", name == "KEY" }
	for _, c := range []struct {
		s         Secret
		want, err string
	}{
		{Secret{Name: "A", File: "token"}, "s3cret", ""}, {Secret{Name: "A", File: filepath.Join(dir, "token")}, "s3cret", ""},
		{Secret{Name: "A", Env: "KEY"}, "from silo", ""},
		{Secret{Name: "A", Env: "NONE"}, "", "secret A: the variable NONE is not set"},
		{Secret{Name: "A", File: "absent"}, "", "secret A: open"}, {Secret{Name: "A", File: "bad"}, "", "is no text"},
	} {
		got, err := c.s.Resolve(dir, lookup)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: %q, %v", c.s, got, err)
		}
	}
}

// FuzzParse: any bytes at all are a manifest or an *Error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("? a\n: b"))
	f.Add([]byte("<<: *x\n"))
	f.Add([]byte("env: {a: !!binary x}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse("f", data)
		if (m == nil) == (err == nil) || err != nil && !errors.As(err, new(*Error)) {
			t.Errorf("%v, %v", m, err)
		}
	})
}
