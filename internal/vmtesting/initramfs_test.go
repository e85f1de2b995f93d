package vmtesting_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/silo-os/silo/internal/vmtesting"
	"github.com/u-root/mkuimage/cpio"
)

// initPackage is the program that these tests boot: it obeys lines on the port.
const initPackage = "../../host/vmm/testdata/init"

func TestInitramfs(t *testing.T) {
	first, second := read(t, vmtesting.Initramfs(t, initPackage)), read(t, vmtesting.Initramfs(t, initPackage))
	if !bytes.Equal(first, second) {
		t.Error("two archives of the same program differ")
	}
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(first)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "dev dev/console init" {
		t.Errorf("the archive holds %s", got)
	}
	if init := records[2]; init.Mode != cpio.S_IFREG|0o755 || init.FileSize < 1<<20 {
		t.Errorf("init: %+v", init.Info)
	}
}

func TestInitramfsDoesNotCompile(t *testing.T) {
	said, failed := record(t, noLimit, func(t testing.TB) { vmtesting.Initramfs(t, "./no/such/package") })
	if !failed || !strings.Contains(said, "build ./no/such/package") {
		t.Errorf("failed = %v, said %q", failed, said)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
