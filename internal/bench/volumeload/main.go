// Command volumeload writes records to /data and answers for each when it has been fsynced. When it starts it says what
// it found there, and on its standard output that it serves.
//
// Each connection: it sends a line with a proof.Report, reads the number of the round that is to begin, 8 bytes, and removes
// what it found. From then on it reads the numbers of records, from 1 on, and sends each back when the record is safe.
// Numbers are little endian.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/silo-os/silo/internal/bench/volumeload/proof"
)

const root = "/data/rounds"

func main() {
	fmt.Fprintln(os.Stderr, "volumeload:", serve())
	os.Exit(1)
}

// serve returns only with an error.
func serve() error {
	found, err := look()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", ":7000")
	if err != nil {
		return err
	}
	fmt.Println(proof.Serving)
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if err := talk(conn, found); !errors.Is(err, io.EOF) {
			return err
		}
		conn.Close()
	}
}

// look says what the round before left.
func look() (r proof.Report, err error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	for _, e := range entries { // the newest: one that is being removed may still be there
		if n, err := strconv.ParseUint(e.Name(), 10, 64); err == nil {
			r.Round = max(r.Round, n)
		}
	}
	if r.Round == 0 {
		return r, nil
	}
	dir := roundDir(r.Round)
	log, err := os.Open(filepath.Join(dir, "log"))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer log.Close()
	if r.Records, err = proof.Count(bufio.NewReader(log)); err != nil {
		return r, err
	}
	for seq := uint64(1); seq <= r.Records; seq++ {
		if !proof.Filed(seq) {
			continue
		}
		b, err := os.ReadFile(fileOf(dir, seq))
		if err == nil {
			_, err = proof.Decode(b)
		}
		if err != nil {
			r.Wrong = fmt.Sprintf("record %d is in the log, and its file, synced before: %v", seq, err)
		}
	}
	return r, nil
}

func roundDir(n uint64) string { return filepath.Join(root, strconv.FormatUint(n, 10)) }

func fileOf(dir string, seq uint64) string { return filepath.Join(dir, strconv.FormatUint(seq, 10)) }

// talk serves a connection until it ends, which is io.EOF.
func talk(conn net.Conn, found proof.Report) error {
	if err := json.NewEncoder(conn).Encode(found); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	number := make([]byte, 8)
	if _, err := io.ReadFull(in, number); err != nil {
		return err
	}
	w, err := begin(binary.LittleEndian.Uint64(number))
	if err != nil {
		return err
	}
	for {
		if _, err := io.ReadFull(in, number); err != nil {
			return err
		}
		if err := w.put(binary.LittleEndian.Uint64(number)); err != nil {
			return err
		}
		if _, err := conn.Write(number); err != nil {
			return err
		}
	}
}

// writer writes one round.
type writer struct {
	dir string
	log *os.File
}

// begin makes the folder of a round, durably, and removes those before.
func begin(round uint64) (*writer, error) {
	w := &writer{dir: roundDir(round)}
	old, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, err
	}
	if w.log, err = os.Create(filepath.Join(w.dir, "log")); err != nil {
		return nil, err
	}
	for _, dir := range []string{w.dir, root, filepath.Dir(root)} {
		if err := syncDir(dir); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// put writes a record and returns when it is safe.
func (w *writer) put(seq uint64) error {
	b := proof.Encode(seq)
	if proof.Filed(seq) {
		if err := writeFile(fileOf(w.dir, seq), b); err != nil {
			return err
		}
		if err := syncDir(w.dir); err != nil {
			return err
		}
	}
	if _, err := w.log.Write(b); err != nil {
		return err
	}
	return w.log.Sync()
}

func writeFile(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
