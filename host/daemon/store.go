package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// store keeps records in one file that is whole after a crash at any moment: bbolt writes pages aside and
// makes them count by one page with a checksum.
type store struct{ db *bbolt.DB }

var (
	guestsBucket = []byte("guests")
	hostBucket   = []byte("host")
	hostKey      = []byte("host")
	formatKey    = []byte("format")
)

// format is of what is stored; a store with another is refused rather than misread.
const format = "1"

const storeName = "guests.db"

// StoreError says that the store cannot be used.
type StoreError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *StoreError) Error() string {
	return fmt.Sprintf("open store %s: %v: if it is damaged, stop the guests that run (they are QEMU processes), move the file away and start again",
		e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }

func openStore(dir string) (s *store, err error) {
	path := filepath.Join(dir, storeName)
	defer func() {
		// A damaged file makes bbolt read where nothing is.
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
		if err != nil {
			s, err = nil, &StoreError{Path: path, Err: err}
		}
	}()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	s = &store{db}
	if err := db.Update(s.prepare); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *store) prepare(tx *bbolt.Tx) error {
	for _, name := range [][]byte{guestsBucket, hostBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	switch is := tx.Bucket(hostBucket).Get(formatKey); {
	case is == nil:
		return tx.Bucket(hostBucket).Put(formatKey, []byte(format))
	case string(is) != format:
		return fmt.Errorf("it is of format %q, this silo knows %q", is, format)
	}
	return nil
}

func (s *store) close() error { return s.db.Close() }

// put stores a guest; it is on the disk when it returns.
func (s *store) put(r *record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store guest %s: %w", r.Spec.Name, err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(guestsBucket).Put([]byte(r.Spec.Name), b) })
	if err != nil {
		return fmt.Errorf("store guest %s: %w", r.Spec.Name, err)
	}
	return nil
}

func (s *store) remove(name string) error {
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(guestsBucket).Delete([]byte(name)) })
	if err != nil {
		return fmt.Errorf("forget guest %s: %w", name, err)
	}
	return nil
}

// all returns every guest.
func (s *store) all() (rs []*record, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(guestsBucket).ForEach(func(k, v []byte) error {
			r := &record{}
			if err := json.Unmarshal(v, r); err != nil {
				return fmt.Errorf("read guest %q: %w", k, err)
			}
			rs = append(rs, r)
			return nil
		})
	})
	if err != nil {
		return nil, &StoreError{Path: s.db.Path(), Err: err}
	}
	return rs, nil
}

func (s *store) host() (h host, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(hostBucket).Get(hostKey)
		if b == nil {
			return nil
		}
		return json.Unmarshal(b, &h)
	})
	return h, err
}

func (s *store) putHost(h host) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("store host: %w", err)
	}
	if err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(hostBucket).Put(hostKey, b) }); err != nil {
		return fmt.Errorf("store host: %w", err)
	}
	return nil
}

// makeDir makes a folder that only its owner can enter, and proves that it is one.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("make state folder: others can enter %s: chmod 700 it, or choose another with --dir", dir)
	}
	return nil
}
