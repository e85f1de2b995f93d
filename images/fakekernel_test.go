package images

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// fakeMakefile stands for the kernel's: it configures and links in the same words, and
// builds a program with a PVH note from nothing. What a test wants it to do besides is in
// the file "mishap".
const fakeMakefile = `
allnoconfig:
	@grep -v LOST $(KCONFIG_ALLCONFIG) > .config
vmlinux:
	@env | sort > environment
	@echo "  CC      init/main.o"
	@echo "  CC      init/version.o"
	@sh ./mishap
	@echo "  LD      vmlinux.o"
	@gcc $(KCFLAGS) -m64 -c -o note.o note.S
	@ld -o vmlinux -Ttext=0x1000000 note.o
	@cp .config System.map
	@mkdir -p include/config && echo 9.9.9 > include/config/kernel.release
`

const fakeNote = `
.section .note.Xen,"a",@note
.long 4, 4, 18
.asciz "Xen"
.long 0
.text
.globl _start
_start: hlt
`

// fakeFiles are fragments and a patch for the fake kernel.
func fakeFiles() fstest.MapFS {
	return fstest.MapFS{
		"kernel/00-a.config":          {Data: []byte("# why\nCONFIG_A=y\n")},
		"kernel/10-b.config":          {Data: []byte("CONFIG_B=16\n# CONFIG_C is not set\n")},
		"kernel/patches/0001-x.patch": {Data: []byte("why\n\n--- a/greeting\n+++ b/greeting\n@@ -1 +1 @@\n-hello\n+patched\n")},
	}
}

// fakeKernel returns a configuration that builds the fake kernel in a cache of its own. The
// mishap is a shell script that its make runs halfway.
func fakeKernel(t *testing.T, mishap string) KernelConfig {
	t.Helper()
	requireKernelTools(t)
	dir := t.TempDir()
	src := filepath.Join(dir, "linux-source-9.9")
	if err := os.Mkdir(src, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Makefile": fakeMakefile, "note.S": fakeNote, "mishap": mishap, "greeting": "hello\n",
	} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(dir, "source.tar.xz")
	pack := exec.Command("tar", "-cJf", archive, "-C", dir, filepath.Base(src))
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("pack source: %v\n%s", err, out)
	}
	return KernelConfig{Source: archive, Cache: filepath.Join(dir, "cache"), files: fakeFiles()}
}

// requireKernelTools skips a test, and fails it where CI=true, on a machine that cannot build
// kernels.
func requireKernelTools(t *testing.T) {
	t.Helper()
	err := requireKernelBuild(t.Context(), os.Args[0])
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// withFiles returns the configuration with a file of its fragments and patches replaced.
func (c KernelConfig) withFile(name, text string) KernelConfig {
	files := fstest.MapFS{}
	fs.WalkDir(c.files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := fs.ReadFile(c.files, path)
			files[path] = &fstest.MapFile{Data: data}
		}
		return nil
	})
	files[name] = &fstest.MapFile{Data: []byte(text)}
	c.files = files
	return c
}

// requireNothingLeft fails the test if the cache's scratch folder holds a folder.
func requireNothingLeft(t *testing.T, cache string) {
	t.Helper()
	if left := scratchFolders(t, cache); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, ", "))
	}
}
