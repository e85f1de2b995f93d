package movetest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/silo-os/silo/host/nodeapi"
	"github.com/silo-os/silo/internal/vmtesting/machines"
)

// Until waits for something.
func (n *Node) Until(what string, is func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("node %s: waited in vain for %s", n.set.Name, what)
		}
	}
}

// Guest is what the node shows of a guest; its State is "" where there is none.
func (n *Node) Guest(name string) nodeapi.Guest {
	g, err := n.Client.Guest(n.t.Context(), name)
	if err != nil {
		return nodeapi.Guest{}
	}
	return g
}

// Runs waits until the guest runs here and has said Hello to this node.
func (n *Node) Runs(name string) nodeapi.Guest {
	n.t.Helper()
	var g nodeapi.Guest
	n.Until("guest "+name+" to run", func() bool {
		g = n.Guest(name)
		return g.State == nodeapi.StateRunning && g.Said
	})
	return g
}

// Wrote returns what a guest wrote under this node, from when it has a text in it.
func (n *Node) Wrote(name, text string) string {
	n.t.Helper()
	var all string
	n.Until(fmt.Sprintf("guest %s to write %q", name, text), func() bool {
		var b strings.Builder
		err := n.Client.Logs(n.t.Context(), name, nodeapi.LogQuery{}, func(r nodeapi.LogRecord) error {
			if r.Stream != "init" {
				b.Write(r.Data)
			}
			return nil
		})
		all = b.String()
		return err == nil && strings.Contains(all, text)
	})
	return all
}

// Machines are the QEMUs of this node's guests.
func (n *Node) Machines() []int { return machines.In(n.Dir) }

// Empty fails the test unless nothing is left here: no machine, nothing in the ledger.
func (n *Node) Empty() {
	n.t.Helper()
	n.Until("nothing to be left", func() bool {
		dump, err := n.Client.Dump(n.t.Context())
		return err == nil && bytes.Contains(dump, []byte(`"guests":[]`)) && len(n.Machines()) == 0
	})
}
