package template

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Identity is everything that a template depends on, one thing a line, for people to read and for the
// key. Two machines of the same identity can go on from the same template.
type Identity []string

// format is part of every key: a template that was written in another way is never found.
const format = "silo template 1"

// Key is the name that templates of this identity go by.
func (id Identity) Key() string {
	sum := sha256.Sum256([]byte(format + "\x00" + strings.Join(id, "\x00")))
	return hex.EncodeToString(sum[:16])
}
