package checks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportedNamesAreDocumented: go doc has something to say of each.
func TestExportedNamesAreDocumented(t *testing.T) {
	files := token.NewFileSet()
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "out" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, name := range bare(f) {
			t.Errorf("%s: %s has no comment", files.Position(name.Pos()), name.Name)
		}
		seen++
		return nil
	})
	if err != nil || seen < 100 {
		t.Errorf("%d files were looked at, %v", seen, err)
	}
}

func TestBareFindsNames(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
func F() {}
// G is told of.
func G() {}
type T struct{}
func (t *T) M() {}
type u struct{}
func (u) M() {}
// All of these.
const (
	A = 1
)
var B, c = 1, 2
var D = 1 // said here
`, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range bare(f) {
		got = append(got, n.Name)
	}
	if want := "F T M B"; strings.Join(got, " ") != want {
		t.Errorf("found %v, want %s", got, want)
	}
}

// bare returns the exported names of a file without a comment.
func bare(f *ast.File) (names []*ast.Ident) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			if d.Doc == nil {
				names = append(names, bareSpecs(d.Specs)...)
			}
		}
	}
	return names
}

func bareSpecs(specs []ast.Spec) (names []*ast.Ident) {
	for _, s := range specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && s.Doc == nil && s.Comment == nil {
					names = append(names, n)
				}
			}
		}
	}
	return names
}

// receiverExported reports whether a function has no receiver, or one of an exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}
