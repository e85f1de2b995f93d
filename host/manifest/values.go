package manifest

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// scalar returns a value that is one word or text, as it is written.
func (p *reader) scalar(n ast.Node) Text {
	switch v := n.(type) {
	case *ast.StringNode:
		return Text{v.Value, line(n)}
	case *ast.LiteralNode:
		return Text{v.Value.Value, line(n)}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return Text{n.GetToken().Value, line(n)}
	}
	p.fail(n, "one value is wanted here, and not %s", strings.ToLower(n.Type().YAMLName()))
	return Text{}
}

func (p *reader) text(to *Text) func(ast.Node) {
	return func(n ast.Node) { *to = p.scalar(n) }
}

func (p *reader) list(to *[]Text) func(ast.Node) {
	return func(n ast.Node) {
		s, ok := n.(*ast.SequenceNode)
		if !ok {
			p.fail(n, "a list is wanted here: write it like [A, B], or with a dash before each")
			return
		}
		for _, v := range s.Values {
			*to = append(*to, p.scalar(v))
		}
	}
}

// pairs reads names with their values; check says what is wrong with a name.
func (p *reader) pairs(n ast.Node, what string, check func(string) string) (all []Pair) {
	for _, e := range p.entries(n, what) {
		name := e.Key.GetToken().Value
		if why := check(name); why != "" {
			p.fail(e.Key, "%s: %q %s", what, name, why)
		}
		all = append(all, Pair{name, p.scalar(e.Value)})
	}
	return all
}

func checkName(s string) string {
	if s == "" || strings.ContainsAny(s, "= \t\n\x00") {
		return "is not a name of a variable"
	}
	return ""
}

func checkPath(s string) string {
	if !path.IsAbs(s) || path.Clean(s) == "/" {
		return "is not a path in the guest: begin it with /"
	}
	return ""
}

// duration reads a time to wait.
func (p *reader) duration(n ast.Node, what string) time.Duration {
	t := p.scalar(n)
	d, err := time.ParseDuration(t.Value)
	if p.err == nil && (err != nil || d < time.Millisecond) {
		p.fail(n, "%s: %q is not a time: write it as 500ms, 30s or 2m", what, t.Value)
	}
	return d
}

// probe reads how to look whether an application serves.
func (p *reader) probe(n ast.Node, what string) *Probe {
	var probe Probe
	kinds := 0
	p.keys(n, what, keys{
		"tcp": func(n ast.Node) {
			kinds++
			probe.Port = p.port(n, what+": tcp", p.scalar(n).Value)
		},
		"http": func(n ast.Node) {
			kinds++
			port, rest, _ := strings.Cut(strings.TrimPrefix(p.scalar(n).Value, ":"), "/")
			probe.Port, probe.Path = p.port(n, what+": http", port), "/"+rest
			if strings.ContainsAny(rest, " \t\r\n") {
				p.fail(n, "%s: http: a path has no spaces", what)
			}
		},
		"every":  func(n ast.Node) { probe.Every = p.duration(n, what+": every") },
		"within": func(n ast.Node) { probe.Within = p.duration(n, what+": within") },
		"failures": func(n ast.Node) {
			count, err := strconv.Atoi(p.scalar(n).Value)
			if err != nil || count < 1 || count > 1000 {
				p.fail(n, "%s: failures: a number from 1 to 1000 is wanted", what)
			}
			probe.Failures = count
		},
	})
	if kinds != 1 {
		p.fail(n, "%s: say either tcp: PORT or http: PORT/PATH", what)
	}
	return &probe
}

func (p *reader) port(n ast.Node, what, text string) int {
	port, err := strconv.ParseUint(text, 10, 16)
	if p.err == nil && (err != nil || port == 0) {
		p.fail(n, "%s: %q is not a port", what, text)
	}
	return int(port)
}

// volumeName is that of a volume that silo keeps.
var volumeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// volumes reads a list of NAME:/PATH and ./FOLDER:/PATH.
func (p *reader) volumes(n ast.Node) (all []Text) {
	p.list(&all)(n)
	for _, v := range all {
		source, to, ok := strings.Cut(v.Value, ":")
		folder := strings.HasPrefix(source, ".") || strings.HasPrefix(source, "/")
		to, _, _ = strings.Cut(to, ":") // options follow
		if p.err == nil && (!ok || checkPath(to) != "" || !folder && !volumeName.MatchString(source)) {
			p.err = &Error{p.file, v.Line, "volumes: " + strconv.Quote(v.Value) + " is not a volume: write it like data:/var/lib/data or ./folder:/data"}
		}
	}
	return all
}
