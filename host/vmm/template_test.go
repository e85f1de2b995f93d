package vmm_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/host/vmm"
	"github.com/silo-os/silo/host/vmm/internal/template"
)

// templated is a configuration whose templates are in a folder of the test's own.
func templated(t *testing.T) (vmm.Config, *bytes.Buffer) {
	t.Helper()
	cfg := config(t)
	cfg.Templates = filepath.Join(t.TempDir(), "templates")
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return cfg, &log
}

// saved boots a guest, has it say one word and saves it.
func saved(t *testing.T, cfg vmm.Config) *guest {
	t.Helper()
	vm := start(t, cfg)
	if vm.FromTemplate() {
		t.Fatal("the first guest went on from a template")
	}
	g := talk(t, vm)
	begin := time.Now()
	if err := vm.SaveTemplate(within(t)); err != nil {
		t.Fatal(err)
	}
	t.Logf("saved in %v", time.Since(begin))
	return g
}

// goesOn starts a guest that must go on from the template, and hears the word again that was said before.
func goesOn(t *testing.T, cfg vmm.Config) (*vmm.VM, *guest) {
	t.Helper()
	begin := time.Now()
	vm := start(t, cfg)
	if !vm.FromTemplate() {
		t.Fatal("the guest booted")
	}
	t.Logf("went on after %v", time.Since(begin))
	g := &guest{t: t, conn: vm.Port(), in: bufio.NewReader(vm.Port())}
	if said, err := g.in.ReadString('\n'); said != "pong\n" {
		t.Fatalf("the guest had said %q, %v", said, err)
	}
	return vm, g
}

func templates(t *testing.T, cfg vmm.Config) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cfg.Templates, "*.template"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestTemplate: the guest that was saved runs on, and others go on from where it stood, with memory and
// processors that move.
func TestTemplate(t *testing.T) {
	cfg, log := templated(t)
	first := saved(t, cfg)
	first.ask("say the first one ran on")
	if first.ask("ping") != "pong" {
		t.Error("the guest that was saved does not run on")
	}
	file := templates(t, cfg)
	if len(file) != 1 {
		t.Fatalf("templates: %q", file)
	}
	if info, err := os.Stat(file[0]); err != nil || info.Mode() != 0o600 {
		t.Errorf("template: %v, %v", info.Mode(), err)
	}
	cfg.Name, cfg.Forwards = "another", []vmm.Forward{{GuestPort: 80}} // no template depends on them
	for range 2 {
		vm, g := goesOn(t, cfg)
		if n := resident(t, vm); n < 8<<20 || n > 60<<20 {
			t.Errorf("resident = %d: pages of zeros came to exist", n)
		}
		for _, total := range []int64{1 << 30, 64 << 20, 512 << 20} {
			if now, err := vm.Resize(within(t), total); now != total || err != nil {
				t.Fatalf("resize to %d: %d, %v", total, now, err)
			}
		}
		if got := g.ask("touch %d", 300<<20); got != "ok" {
			t.Errorf("touch: %s", got)
		}
		if n := resident(t, vm); n < 300<<20 {
			t.Errorf("resident = %d with 300 MiB in use", n)
		}
		g.ask("free")
		if got := g.ask("online 1"); got != "ok" {
			t.Errorf("online: %s", got)
		}
		if got := g.ask("cpus online"); got != "0-1" {
			t.Errorf("vCPUs online: %s", got)
		}
		g.ask("poweroff")
		if exit := ended(t, vm); exit.Cause != vmm.CauseGuestShutdown {
			t.Errorf("exit = %v", exit)
		}
		checkEnded(t, vm)
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log)
	}
}

// TestTemplateOfAnother: what makes another machine leads to another template.
func TestTemplateOfAnother(t *testing.T) {
	cfg, _ := templated(t)
	saved(t, cfg)
	cfg.VCPUs = 1
	if vm := start(t, cfg); vm.FromTemplate() {
		t.Error("a guest with one vCPU went on from a template with two")
	}
}

// TestTemplateDamaged: it is thrown away, one line says so, and the guest boots and may be saved again.
func TestTemplateDamaged(t *testing.T) {
	cfg, log := templated(t)
	saved(t, cfg)
	for name, damage := range map[string]func(f *os.File, size int64) error{
		"cut off": func(f *os.File, size int64) error { return f.Truncate(size / 2) },
		"memory":  func(f *os.File, _ int64) error { return flip(f, 64<<10+20<<20) },
		"devices": func(f *os.File, size int64) error { return flip(f, size-1000) },
	} {
		log.Reset()
		file := templates(t, cfg)
		if len(file) != 1 {
			t.Fatalf("%s: templates: %q", name, file)
		}
		f, err := os.OpenFile(file[0], os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err == nil {
			err = damage(f, info.Size())
		}
		if f.Close(); err != nil {
			t.Fatal(err)
		}
		saved(t, cfg)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "damaged") {
			t.Errorf("%s: log: %s", name, log)
		}
	}
	goesOn(t, cfg)
}

// TestTemplateRefused: one that is whole, but not what QEMU can go on from.
func TestTemplateRefused(t *testing.T) {
	cfg, log := templated(t)
	saved(t, cfg)
	store, id := template.Store{Dir: cfg.Templates}, identityOf(t, templates(t, cfg)[0])
	if err := store.Remove(id); err != nil {
		t.Fatal(err)
	}
	draft, err := store.Draft(id, cfg.BootMemory)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := draft.Stream()
	if err == nil {
		_, err = stream.WriteString(strings.Repeat("no such devices", 100))
	}
	if err == nil {
		err = draft.Publish([]byte("pong\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	saved(t, cfg)
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "the guest boots") {
		t.Errorf("log: %s", log)
	}
	goesOn(t, cfg)
}

// identityOf reads what a template is of.
func identityOf(t *testing.T, path string) template.Identity {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var h template.Header
	if err := json.NewDecoder(bytes.NewReader(b[16:])).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return h.Identity
}

// flip changes one byte.
func flip(f *os.File, at int64) error {
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= 0xff
	_, err := f.WriteAt(b, at)
	return err
}

// TestTemplateNotSaved: without room for a template the guest runs on, and nothing is left.
func TestTemplateNotSaved(t *testing.T) {
	cfg, _ := templated(t)
	vm := start(t, cfg)
	g := talk(t, vm)
	if err := limitFiles(vm.PID(), &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := vm.SaveTemplate(within(t)); err == nil {
		t.Error("saved without room")
	} else {
		t.Log(err)
	}
	if got := g.ask("ping"); got != "pong" {
		t.Errorf("the guest says %q", got)
	}
	if left := templates(t, cfg); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestNoTemplates: a machine that is not to be saved says so by doing nothing.
func TestNoTemplates(t *testing.T) {
	vm := start(t, config(t))
	if err := vm.SaveTemplate(within(t)); err != nil || vm.FromTemplate() {
		t.Errorf("%v, from a template: %v", err, vm.FromTemplate())
	}
}

// limitFiles bounds the size of the files that a process writes.
func limitFiles(pid int, limit *unix.Rlimit) error {
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, limit, nil)
}
