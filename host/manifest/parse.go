package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// mostBytes bounds a file: nobody writes a larger one.
const mostBytes = 1 << 20

// Parse reads the content of a file; name is for errors. Every error is an *Error with the line.
func Parse(name string, data []byte) (*Manifest, error) {
	m := &Manifest{File: name}
	if len(data) > mostBytes {
		return nil, &Error{File: name, What: fmt.Sprintf("%d bytes are no manifest", len(data))}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, syntax(name, err)
	}
	if len(file.Docs) > 1 {
		return nil, &Error{name, line(file.Docs[1]), "a second document: a manifest has one"}
	}
	p := reader{file: name}
	if len(file.Docs) == 1 && file.Docs[0].Body != nil {
		if _, comment := file.Docs[0].Body.(*ast.CommentGroupNode); !comment {
			p.keys(file.Docs[0].Body, "a manifest", m.top(&p))
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

// syntax is an error of the parser as one line.
func syntax(name string, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil {
		return &Error{File: name, What: strings.ReplaceAll(err.Error(), "\n", " ")}
	}
	return &Error{name, y.GetToken().Position.Line, y.GetMessage()}
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// top are the keys of a manifest and what becomes of their values.
func (m *Manifest) top(p *reader) keys {
	return keys{
		"name": p.text(&m.Name), "memory": p.text(&m.Memory), "cpus": p.text(&m.CPUs), "weight": p.text(&m.Weight),
		"network": p.text(&m.Network), "bridge": p.text(&m.Bridge), "restart": p.text(&m.Restart), "shutdown": p.text(&m.Shutdown), "hello": p.text(&m.Hello),
		"refuse-after": p.text(&m.Refuse), "answer-within": p.text(&m.Answer), "template": p.text(&m.Saved), "dir": p.text(&m.Dir), "core": p.text(&m.Core),
		"ports": p.list(&m.Ports), "dns": p.list(&m.DNS), "args": p.list(&m.Args),
		"volumes": func(n ast.Node) { m.Volumes = p.volumes(n) },
		"env":     func(n ast.Node) { m.Env = p.pairs(n, "env", checkName) },
		"files":   func(n ast.Node) { m.Files = p.pairs(n, "files", checkPath) },
		"secrets": func(n ast.Node) { m.Secrets = p.secrets(n) },

		"readiness": func(n ast.Node) { m.Readiness = p.probe(n, "readiness") },
		"liveness":  func(n ast.Node) { m.Liveness = p.probe(n, "liveness") },
		"watchdog":  func(n ast.Node) { m.Watchdog = p.duration(n, "watchdog") },
	}
}

// keys says what becomes of the value of each key.
type keys map[string]func(ast.Node)

// reader takes a tree apart. The first error stands.
type reader struct {
	file string
	err  error
}

func (p *reader) fail(n ast.Node, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{p.file, line(n), fmt.Sprintf(format, args...)}
	}
}

// entries are the keys and values of a mapping.
func (p *reader) entries(n ast.Node, what string) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	p.fail(n, "%s has keys: write it like KEY: VALUE", what)
	return nil
}

// keys hands the values of a mapping to those who know them.
func (p *reader) keys(n ast.Node, what string, known keys) {
	for _, e := range p.entries(n, what) {
		name := e.Key.GetToken().Value
		take, ok := known[name]
		if !ok {
			p.fail(e.Key, "unknown key %q: %s", name, suggest(name, known))
			return
		}
		take(e.Value)
	}
}

// suggest names the key that was probably meant, or all.
func suggest(name string, known keys) string {
	var all []string
	for k := range known {
		all = append(all, k)
	}
	slices.Sort(all)
	near := slices.MinFunc(all, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if distance(name, near) <= 2 {
		return "did you mean " + near + "?"
	}
	return "the keys are " + strings.Join(all, ", ")
}

// distance is Levenshtein's: how many letters differ, lack or are too many.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
