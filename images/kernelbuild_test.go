package images

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBuildKernelOnceAndFindIt(t *testing.T) {
	cfg := fakeKernel(t, "")
	if _, err := FindKernel(cfg); !errors.Is(err, ErrKernelNotBuilt) {
		t.Errorf("before the build: %v, want ErrKernelNotBuilt", err)
	}
	var said bytes.Buffer
	cfg.Progress = &said
	built, err := BuildKernel(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if built.Version != "9.9.9" || built.Size == 0 || len(built.Digest) != 64 {
		t.Errorf("kernel %+v", built)
	}
	config, err := os.ReadFile(built.ConfigPath)
	if want := "CONFIG_A=y\nCONFIG_B=16\n# CONFIG_C is not set\n"; err != nil || string(config) != want {
		t.Errorf("configuration %q, %v; want %q", config, err, want)
	}
	last := -1
	for _, s := range kernelSteps {
		at := strings.Index(said.String(), "kernel: "+s.name+", ")
		if at <= last {
			t.Errorf("step %s not told in its order:\n%s", s.name, &said)
		}
		last = at
	}
	requireNothingLeft(t, cfg.Cache)

	said.Reset()
	again, err := BuildKernel(t.Context(), cfg)
	if err != nil || *again != *built || said.Len() > 0 {
		t.Errorf("second build: %+v, %v, said %q; want the first from the cache in silence", again, err, &said)
	}
	found, err := FindKernel(cfg)
	if err != nil || *found != *built {
		t.Errorf("found %+v, %v", found, err)
	}
}

// TestKernelBuildIsReproducible: two caches in two folders, one kernel.
func TestKernelBuildIsReproducible(t *testing.T) {
	t.Setenv("KBUILD_BUILD_USER", "somebody") // nothing of the caller's may get in
	t.Setenv("MAKEFLAGS", "--no-such-flag")
	cfg := fakeKernel(t, "cat greeting >> note.S; echo 'patched = 1' > want; echo '.ascii \"'$KBUILD_BUILD_USER$KBUILD_BUILD_TIMESTAMP'\"' > note.tail; grep -v patched note.S > n; cat n note.tail > note.S")
	first, err := BuildKernel(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cache = t.TempDir()
	second, err := BuildKernel(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest != second.Digest {
		t.Errorf("digests %s and %s", first.Digest, second.Digest)
	}
	data, _ := os.ReadFile(first.Path)
	if !bytes.Contains(data, []byte("silo1970-01-01")) {
		t.Error("the build did not get the fixed user and date")
	}
}

func TestKeyDependsOnEverything(t *testing.T) {
	cfg := fakeKernel(t, "")
	built, err := BuildKernel(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]KernelConfig{
		"a fragment": cfg.withFile("kernel/00-a.config", "CONFIG_A=n\n"),
		"a patch":    cfg.withFile("kernel/patches/0002-y.patch", ""),
		"the source": {Source: fakeKernel(t, "true").Source, Cache: cfg.Cache, files: cfg.files},
	} {
		if _, err := FindKernel(other); !errors.Is(err, ErrKernelNotBuilt) {
			t.Errorf("with %s changed: %v, want ErrKernelNotBuilt", name, err)
		}
	}
	// Once built, it is found where source and compiler are not installed.
	t.Setenv("PATH", "")
	cfg.Source = "/absent"
	if found, err := FindKernel(cfg); err != nil || found.Digest != built.Digest {
		t.Errorf("without source and compiler: %+v, %v", found, err)
	}
	if _, err := FindKernel(cfg.withFile("kernel/00-a.config", "")); !errors.Is(err, ErrKernelNotBuilt) {
		t.Errorf("another configuration without source: %v", err)
	}
}

func TestBuildKernelNamesAllThatIsMissing(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	cache := t.TempDir()
	_, err := BuildKernel(t.Context(), KernelConfig{Source: "/absent/linux.tar.xz", Cache: cache})
	var missing *MissingError
	if !errors.As(err, &missing) {
		t.Fatalf("error %v, want *MissingError", err)
	}
	for _, want := range []string{"/absent/linux.tar.xz", "gcc, ", "make, ", "flex, ", "bison, ", "bc, ", "xz, ",
		"apt-get install --no-install-recommends linux-source-6.1 gcc binutils make flex bison bc"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %q", want, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	if _, err := os.Stat(scratchDir(cache)); err == nil {
		t.Error("a build was begun")
	}
}

func TestFailedCompilerIsShownAndLogKept(t *testing.T) {
	cfg := fakeKernel(t, "echo 'x.c:1:2: error: no such thing'; for i in $(seq 50); do echo '  CC      other.o'; done; exit 2")
	_, err := BuildKernel(t.Context(), cfg)
	var failed *CommandError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want *CommandError", err)
	}
	if !strings.Contains(failed.Output, "no such thing") || strings.Contains(failed.Output, "CC") {
		t.Errorf("output %q: want the complaint and not the chatter after it", failed.Output)
	}
	log, readErr := os.ReadFile(failed.Log)
	if readErr != nil || bytes.Count(log, []byte("other.o")) != 50 {
		t.Errorf("log %s: %v, %q; want all that was said", failed.Log, readErr, log)
	}
	if _, err := FindKernel(cfg); !errors.Is(err, ErrKernelNotBuilt) {
		t.Errorf("after a failed build: %v", err)
	}
	other := fakeKernel(t, "")
	other.Cache = cfg.Cache
	if _, err := BuildKernel(t.Context(), other); err != nil {
		t.Error(err)
	}
	requireNothingLeft(t, cfg.Cache) // the log lasts until the next build
}

func TestOptionsThatDoNotSurviveAreNamed(t *testing.T) {
	cfg := fakeKernel(t, "").withFile("kernel/20-c.config", "CONFIG_LOST=y\nCONFIG_KEPT=y\nCONFIG_LOST_TOO=7\n")
	_, err := BuildKernel(t.Context(), cfg)
	var lost *OptionsError
	if !errors.As(err, &lost) {
		t.Fatalf("error %v, want *OptionsError", err)
	}
	if want := []string{"CONFIG_LOST=y (it is absent)", "CONFIG_LOST_TOO=7 (it is absent)"}; !slices.Equal(lost.Options, want) {
		t.Errorf("lost %q, want %q", lost.Options, want)
	}
	requireNothingLeft(t, cfg.Cache)
}

func TestPatchThatDoesNotApply(t *testing.T) {
	cfg := fakeKernel(t, "").withFile("kernel/patches/0002-y.patch", "--- a/greeting\n+++ b/greeting\n@@ -1 +1 @@\n-good day\n+bye\n")
	_, err := BuildKernel(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "apply 0002-y.patch") || !strings.Contains(err.Error(), "greeting") {
		t.Errorf("error %v, want it to name the patch and the file", err)
	}
}

func TestSourceThatIsNoArchive(t *testing.T) {
	cfg := fakeKernel(t, "")
	if err := os.WriteFile(cfg.Source, []byte("not an archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := BuildKernel(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "unpack kernel source") || !strings.Contains(err.Error(), "xz") {
		t.Errorf("error %v, want it to say that the archive does not unpack", err)
	}
}

// TestCancelledBuildLeavesNothing: neither files nor the programs it ran.
func TestCancelledBuildLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	cfg := fakeKernel(t, "echo $$ >> "+pids+"; (echo $$; exec sleep 1000) & echo $! >> "+pids+"; echo ready > "+filepath.Join(dir, "ready")+"; sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(t, filepath.Join(dir, "ready"))
		cancel()
	}()
	_, err := BuildKernel(ctx, cfg)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	requireNothingLeft(t, cfg.Cache)
	requireGone(t, pids)
}

// TestKilledBuildLeavesNothing: what a build runs ends with it, and the next one sweeps.
func TestKilledBuildLeavesNothing(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	cfg := fakeKernel(t, "echo $PPID $$ > "+pids+".new; mv "+pids+".new "+pids+"; while :; do echo '  CC      more.o'; sleep 0.05; done")
	builder := exec.Command(os.Args[0])
	builder.Env = append(os.Environ(), "SILO_TEST_BUILD_KERNEL="+cfg.Source, cacheEnv+"="+cfg.Cache)
	if err := builder.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, pids)
	builder.Process.Kill()
	builder.Wait()
	requireGone(t, pids)

	other := fakeKernel(t, "")
	other.Cache = cfg.Cache
	if _, err := BuildKernel(t.Context(), other); err != nil {
		t.Error(err)
	}
	requireNothingLeft(t, cfg.Cache)
}

// TestDamagedKernelIsBuiltAgain: a cache that lost a file heals.
func TestDamagedKernelIsBuiltAgain(t *testing.T) {
	cfg := fakeKernel(t, "")
	built, err := BuildKernel(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(built.Path, 10); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := FindKernel(cfg); !errors.As(err, &damaged) {
		t.Errorf("error %v, want *DamagedError", err)
	}
	again, err := BuildKernel(t.Context(), cfg)
	if err != nil || again.Digest != built.Digest {
		t.Errorf("built again: %+v, %v", again, err)
	}
}

// TestConcurrentBuildsMakeOneKernel: the second waits for the first and takes its kernel.
func TestConcurrentBuildsMakeOneKernel(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	cfg := fakeKernel(t, "echo x >> "+count+"; sleep 0.2")
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() {
			_, err := BuildKernel(t.Context(), cfg)
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if data, _ := os.ReadFile(count); string(data) != "x\n" {
		t.Errorf("compiled %d times", bytes.Count(data, []byte("x")))
	}
}

// await waits until a file is there.
func await(t *testing.T, path string) {
	for range 1000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s did not appear", path)
}

// requireGone waits for the processes whose numbers are in a file to be gone.
func requireGone(t *testing.T, pids string) {
	t.Helper()
	data, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(data)) {
		if !ends(pid) {
			t.Errorf("process %s still runs", pid)
		}
	}
}

// ends waits for a process to be gone, or to be a corpse that its parent may bury.
func ends(pid string) bool {
	for range 500 {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}
