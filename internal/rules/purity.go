package rules

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// Pure code takes (now, input) and gives output. It has no clock, no socket
// and no goroutine, so that loss, reordering and a minute of waiting are table
// tests that take microseconds.
var (
	purePackages = []string{"sfu/forward", "sfu/congestion", "sfu/reception", "sfu/sdp", "signaling/topology"}
	pureFiles    = []string{"signaling/session/outbox.go", "sfu/ice/agent.go", "internal/lab/line.go", "internal/lab/shape.go"}

	// impureImports reach the world outside or coordinate goroutines; what lies
	// below them counts too.
	impureImports = []string{"net", "os", "sync", "syscall", "io/fs", "io/ioutil", "log", "embed", "plugin", "testing", "golang.org/x/sys", "golang.org/x/net"}
	// pureModules are the foreign packages that are only data and codecs.
	pureModules = []string{"github.com/pion/rtp", "github.com/pion/rtcp", "github.com/pion/sdp", "google.golang.org/protobuf"}
	// pureOurs are the packages of this module that are only data.
	pureOurs = []string{"signaling/protocol", "internal/dataframe"}

	// clockUses are the parts of package time that read or wait for the clock;
	// time.Time and time.Duration are plain values.
	clockUses = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}
)

// mustBePure tells whether the file must be pure. Tests of pure code need not be.
func (f *file) mustBePure() bool {
	if f.isTest() {
		return false
	}
	return slices.Contains(pureFiles, f.name) ||
		slices.ContainsFunc(purePackages, func(folder string) bool { return within(f.folder(), folder) })
}

func (f *file) checkPurity() {
	clock := "" // the name that package time goes by in this file
	for _, spec := range f.syntax.Imports {
		imported := importPath(spec)
		if imported == "time" {
			clock = "time"
			if spec.Name != nil {
				clock = spec.Name.Name
			}
			if clock == "." {
				f.violation(spec, "%s is pure: package time is not imported with a dot, which would hide who reads the clock", f.name)
			}
			continue
		}
		if !f.isPureImport(spec) {
			f.violation(spec, "%s is pure: it does not import %s", f.name, imported)
		}
	}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			f.violation(node, "%s is pure: it starts no goroutine", f.name)
		case *ast.SelectorExpr:
			from, named := node.X.(*ast.Ident)
			if named && clock != "" && from.Name == clock && slices.Contains(clockUses, node.Sel.Name) {
				f.violation(node, "%s is pure: it does not use time.%s; take the time as an argument", f.name, node.Sel.Name)
			}
		}
		return true
	})
}

func (f *file) isPureImport(spec *ast.ImportSpec) bool {
	imported := importPath(spec)
	in := func(parent string) bool { return within(imported, parent) }
	if folder, ours := f.ourFolder(spec); ours {
		inFolder := func(parent string) bool { return within(folder, parent) }
		return slices.ContainsFunc(purePackages, inFolder) || slices.ContainsFunc(pureOurs, inFolder)
	}
	if slices.ContainsFunc(impureImports, in) {
		return false
	}
	standard := !strings.Contains(top(path.Clean(imported)), ".")
	return standard || slices.ContainsFunc(pureModules, in)
}
