package rules

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// within tells whether a folder is another one or lies in it.
func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

// top returns the first folder of a path from the root.
func top(folder string) string {
	head, _, _ := strings.Cut(folder, "/")
	return head
}

// parts do not know each other: cmd puts them together.
var parts = []string{"signaling", "sfu", "turn", "web"}

// testOnly are the packages that nobody but tests imports: what they do has no
// place in the program.
var testOnly = []string{"internal/lab"}

// mayImport tells whether code in one folder may import the package in
// another, both from the root of the module; if not, it says why.
func mayImport(from, to string) (why string, ok bool) {
	switch source, target := top(from), top(to); {
	case source == target:
		return "", true
	case target == "cmd":
		return "nobody imports cmd", false
	case source == "cmd" || target == "internal":
		if source == "configs" {
			return "configs imports nothing of ours", false
		}
		return "", true
	case source == "configs":
		return "configs imports nothing of ours", false
	case source == "internal":
		return "internal may be imported by all, so it imports only internal", false
	case slices.Contains(parts, source) && slices.Contains(parts, target):
		return "signaling, sfu, turn and web do not import each other; declare a small interface and let cmd hand it over", false
	}
	return "", true
}

func (f *file) checkImports() {
	for _, spec := range f.syntax.Imports {
		to, ours := f.ourFolder(spec)
		if !ours {
			continue
		}
		if why, ok := mayImport(f.folder(), to); !ok {
			f.violation(spec, "%s imports %s: %s", f.folder(), to, why)
		}
		if !f.isTest() && slices.Contains(testOnly, to) {
			f.violation(spec, "%s imports %s: only tests may", f.name, to)
		}
	}
}

// importPath returns the path that an import names.
func importPath(spec *ast.ImportSpec) string {
	text, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return "" // the parser lets no such literal through
	}
	return text
}

// ourFolder returns the folder of an imported package of this module.
func (f *file) ourFolder(spec *ast.ImportSpec) (folder string, ours bool) {
	if importPath(spec) == f.module {
		return ".", true
	}
	return strings.CutPrefix(importPath(spec), f.module+"/")
}
