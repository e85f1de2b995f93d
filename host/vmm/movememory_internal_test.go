package vmm

import (
	"crypto/tls"
	"net"
	"os"
	"testing"

	"github.com/silo-os/silo/host/vmm/internal/pages"
)

// TestMemoryIsThereBeforeItIsSaid: who is told that all memory is there sends the rest of the guest, which may be in the moment after.
func TestMemoryIsThereBeforeItIsSaid(t *testing.T) {
	server, client, err := NewIdentities()
	if err != nil {
		t.Fatal(err)
	}
	takes, err := server.config()
	if err != nil {
		t.Fatal(err)
	}
	sends, err := client.config()
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Create(t.TempDir() + "/memory")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if err := memory.Truncate(pages.Size); err != nil {
		t.Fatal(err)
	}
	for range 200 { // the wrong order shows by chance
		vm := newVM(Config{}, &stranger{done: make(chan struct{})}, nil, boots{})
		vm.memoryCame = make(chan struct{})
		here, there := net.Pipe()
		over := make(chan struct{})
		go func() {
			defer close(over)
			vm.receiveMemory(tls.Server(there, takes), []pages.Into{{WriterAt: memory, Size: pages.Size}})
		}()
		_, err := pages.Send(tls.Client(here, sends), []*os.File{memory})
		came := vm.hasMemory()
		here.Close()
		<-over
		if err != nil || came != nil {
			t.Fatalf("sent: %v; there: %v", err, came)
		}
	}
}
