package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Secret is a variable of the application whose value does not stand in the manifest.
type Secret struct {
	Name string
	File string // one of the two: a file with the value; relative to the manifest
	Env  string // a variable of silo's own environment
	Line int
}

// mostSecret bounds the value of a secret: it has to go into the environment of a process.
const mostSecret = 64 << 10

func (p *reader) secrets(n ast.Node) (all []Secret) {
	for _, e := range p.entries(n, "secrets") {
		s := Secret{Name: e.Key.GetToken().Value, Line: line(e.Key)}
		if why := checkName(s.Name); why != "" {
			p.fail(e.Key, "secrets: %q %s", s.Name, why)
		}
		var file, env Text
		p.keys(e.Value, "secret "+s.Name, keys{"file": p.text(&file), "env": p.text(&env)})
		s.File, s.Env = file.Value, env.Value
		if p.err == nil && (s.File == "") == (s.Env == "") {
			p.fail(e.Key, "secrets: %s: say either file: PATH or env: NAME: the value itself has no place here", s.Name)
		}
		all = append(all, s)
	}
	return all
}

// Resolve reads the secret's value: of a file all but one newline at its end. dir is where the manifest is.
func (s Secret) Resolve(dir string, lookup func(string) (string, bool)) (string, error) {
	if s.Env != "" {
		v, ok := lookup(s.Env)
		if !ok {
			return "", fmt.Errorf("secret %s: the variable %s is not set: set it in silo's environment", s.Name, s.Env)
		}
		return v, nil
	}
	path := s.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", s.Name, err)
	}
	if len(b) > mostSecret || strings.ContainsRune(string(b), 0) {
		return "", fmt.Errorf("secret %s: %s is no text of at most %d KiB", s.Name, path, mostSecret>>10)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}
