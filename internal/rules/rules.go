// Package rules holds the source code to the rules of docs/architecture.md:
// who may import whom, which code stays free of clocks, sockets and
// goroutines, and what no package is called. Its test reads the whole module.
package rules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Violation is one place that breaks a rule.
type Violation struct {
	File string // slash-separated, from the root of the module
	Line int
	Rule string // what is wrong, and which rule says so
}

// String is one line for the person who wrote the code.
func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.File, v.Line, v.Rule) }

// Check reads all Go files of a module, tests too, and returns every violation
// in the order of the files. The error is that of a file that cannot be read
// or parsed. Hidden folders, testdata and node_modules are left out.
func Check(module string, root fs.FS) ([]Violation, error) {
	var found []Violation
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			base := path.Base(name)
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		violations, err := checkFile(module, name, source)
		found = append(found, violations...)
		return err
	})
	return found, err
}

// file is one parsed Go file.
type file struct {
	name   string // from the root of the module
	module string
	set    *token.FileSet
	syntax *ast.File
	found  []Violation
}

func checkFile(module, name string, source []byte) ([]Violation, error) {
	f := &file{name: name, module: module, set: token.NewFileSet()}
	var err error
	if f.syntax, err = parser.ParseFile(f.set, name, source, parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	f.checkName()
	f.checkImports()
	if f.mustBePure() {
		f.checkPurity()
	}
	return f.found, nil
}

func (f *file) violation(node ast.Node, format string, arguments ...any) {
	f.found = append(f.found, Violation{f.name, f.set.Position(node.Pos()).Line, fmt.Sprintf(format, arguments...)})
}

// folder returns the folder of the file, "." for the root.
func (f *file) folder() string { return path.Dir(f.name) }

func (f *file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// vagueNames say nothing about what is inside.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "manager", "managers"}

func (f *file) checkName() {
	name := strings.TrimSuffix(f.syntax.Name.Name, "_test")
	for _, candidate := range []string{name, path.Base(f.folder())} {
		if slices.Contains(vagueNames, candidate) {
			f.violation(f.syntax.Name, "a package is not called %s: name it after the one thing in it", candidate)
			return
		}
	}
}
