package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/silo-os/silo/host/node"
	"github.com/silo-os/silo/host/volume"
)

// etcd speaks etcd's JSON interface, as curl would.
type etcd struct{ addr string }

// ask calls a method; []byte goes as base64, as the interface has it.
func (e etcd) ask(method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := http.Post("http://"+e.addr+"/v3/"+method, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", method, resp.Status, b)
	}
	return json.Unmarshal(b, out)
}

func (e etcd) put(key, value string) error {
	var answer any
	return e.ask("kv/put", map[string][]byte{"key": []byte(key), "value": []byte(value)}, &answer)
}

func (e etcd) get(key string) (string, error) {
	var answer struct {
		KVs []struct{ Value []byte }
	}
	if err := e.ask("kv/range", map[string][]byte{"key": []byte(key)}, &answer); err != nil {
		return "", err
	}
	if len(answer.KVs) != 1 {
		return "", fmt.Errorf("get %s: %d values", key, len(answer.KVs))
	}
	return string(answer.KVs[0].Value), nil
}

// TestEtcd: a database on a volume. What it has acknowledged is there after its guest is killed, and after a clean end.
func TestEtcd(t *testing.T) {
	store := volume.Store{Dir: t.TempDir()}
	start := func() (*server, etcd) {
		t.Helper()
		s := serve(t, image(t, Etcd), store, []node.Volume{{Name: "etcd", Path: "/data", Size: 256 * mib}}, []int{2379},
			"--data-dir", "/data/etcd", "--listen-client-urls", "http://0.0.0.0:2379", "--advertise-client-urls", "http://localhost:2379")
		db := etcd{s.addr(0)}
		s.until("the database", func() error { return db.put("hello", "again") })
		return s, db
	}
	s, db := start()
	const keys = 100
	for i := range keys {
		if err := db.put(fmt.Sprint("key", i), fmt.Sprint("value", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(s.guest.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.guest.Done()
	s, db = start()
	for i := range keys {
		if got, err := db.get(fmt.Sprint("key", i)); err != nil || got != fmt.Sprint("value", i) {
			t.Errorf("key %d is %q, %v", i, got, err)
		}
	}
	s.stop(143) // etcd ends itself by the signal that it was sent
	if out, err := exec.Command("/usr/sbin/fsck.ext4", "-f", "-n", filepath.Join(store.Dir, "etcd.img")).CombinedOutput(); err != nil {
		t.Errorf("fsck.ext4 -f -n: %v:\n%s", err, out)
	}
}
