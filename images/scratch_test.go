package images

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain lets a test run this binary as a process that it can kill, and says where the source of PID 1 is if this binary was built
// without paths.
func TestMain(m *testing.M) {
	if dir, err := filepath.Abs(".."); err == nil && ownCheckout() == "" {
		checkout = dir
	}
	if source := os.Getenv("SILO_TEST_BUILD_KERNEL"); source != "" {
		_, err := BuildKernel(context.Background(), KernelConfig{Source: source, files: fakeFiles()})
		panic(err)
	}
	if dir := os.Getenv("SILO_TEST_HOLD_SCRATCH"); dir != "" {
		s, err := newScratch(dir, "held")
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(s.Dir + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestScratchIsRemovedAndKept(t *testing.T) {
	cache := t.TempDir()
	first, err := newScratch(cache, "first")
	if err != nil {
		t.Fatal(err)
	}
	second, err := newScratch(cache, "second") // sweeps, and must leave the first alone
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Dir); err != nil {
		t.Errorf("a folder in use was swept: %v", err)
	}
	if err := first.Remove(); err != nil {
		t.Error(err)
	}
	second.Keep()
	if got := scratchFolders(t, cache); len(got) != 1 || got[0] != filepath.Base(second.Dir) {
		t.Errorf("left %q, want only the folder that is kept", got)
	}
	third, err := newScratch(cache, "third")
	if err != nil {
		t.Fatal(err)
	}
	defer third.Remove()
	if got := scratchFolders(t, cache); len(got) != 1 || got[0] != filepath.Base(third.Dir) {
		t.Errorf("left %q, want the kept folder swept by the next build", got)
	}
}

func TestScratchOfKilledProcessIsSwept(t *testing.T) {
	cache := t.TempDir()
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), "SILO_TEST_HOLD_SCRATCH="+cache)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 512)
	if _, err := out.Read(line); err != nil {
		t.Fatal(err)
	}
	alive, err := newScratch(cache, "alive")
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Remove()
	if got := scratchFolders(t, cache); len(got) != 2 {
		t.Errorf("folders %q, want the other process's and this one's", got)
	}

	holder.Process.Kill()
	holder.Wait()
	after, err := newScratch(cache, "after")
	if err != nil {
		t.Fatal(err)
	}
	defer after.Remove()
	if got := scratchFolders(t, cache); len(got) != 2 {
		t.Errorf("folders %q, want that of the killed process swept", got)
	}
}

// scratchFolders returns the names of the folders in the cache's scratch folder.
func scratchFolders(t *testing.T, cache string) []string {
	t.Helper()
	entries, err := os.ReadDir(scratchDir(cache))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
