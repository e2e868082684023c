package rules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/hiroba-rtc/hiroba"

func TestThisModuleKeepsTheRules(t *testing.T) {
	violations, err := Check(module, os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations {
		t.Error(violation)
	}
}

// TestTheModuleIsRead guards against a check that passes because it found no
// files.
func TestTheModuleIsRead(t *testing.T) {
	root := os.DirFS("../..")
	for _, name := range append(slices.Clone(pureFiles), purePackages[0], "configs", "internal", "sfu", "signaling", "turn", "web", "cmd") {
		file, err := root.Open(name)
		if err != nil {
			t.Errorf("a rule is about %s, which is not there: %v", name, err)
			continue
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestImports(t *testing.T) {
	for _, test := range []struct {
		file, imports string
		want          string // a part of the violation; empty for none
	}{
		{"cmd/hiroba/main.go", "sfu", ""},
		{"cmd/hiroba/main.go", "signaling/room", ""},
		{"cmd/hiroba/main.go", "internal/port", ""},
		{"signaling/room/room.go", "signaling/session", ""},
		{"signaling/room/room.go", "internal/port", ""},
		{"signaling/room/room.go", "configs", ""},
		{"internal/port/port.go", "internal/udp", ""},
		{"configs/generate/main.go", "configs", ""},
		{"signaling/room/room.go", "sfu", "do not import each other"},
		{"signaling/room/room_test.go", "sfu", "do not import each other"},
		{"sfu/track.go", "signaling/protocol", "do not import each other"},
		{"turn/turn.go", "sfu", "do not import each other"},
		{"web/web.go", "turn", "do not import each other"},
		{"sfu/track.go", "cmd/hiroba", "nobody imports cmd"},
		{"internal/port/port.go", "configs", "imports only internal"},
		{"internal/port/port.go", "sfu", "imports only internal"},
		{"internal/port/port.go", "", "imports only internal"},
		{"configs/config.go", "internal/port", "imports nothing of ours"},
		{"configs/config.go", "sfu", "imports nothing of ours"},
		{"cmd/hiroba/main.go", "internal/lab", "only tests may"},
		{"sfu/track.go", "internal/lab", "only tests may"},
		{"cmd/hiroba/lab_test.go", "internal/lab", ""},
	} {
		path := strings.TrimSuffix(module+"/"+test.imports, "/")
		source := fmt.Sprintf("package a\n\nimport _ %q\n", path)
		t.Run(test.file+" imports "+test.imports, func(t *testing.T) {
			check(t, test.file, source, test.want, 3)
		})
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ file, name, want string }{
		{"sfu/track.go", "sfu", ""},
		{"internal/commonname/a.go", "commonname", ""},
		{"internal/util/a.go", "util", "not called util"},
		{"internal/strings/a.go", "helpers", "not called helpers"},
		{"sfu/manager/main.go", "main", "not called manager"},
		{"sfu/types_test.go", "types_test", "not called types"},
	} {
		t.Run(test.file, func(t *testing.T) {
			check(t, test.file, "\npackage "+test.name+"\n", test.want, 2)
		})
	}
}

func TestPurity(t *testing.T) {
	for name, test := range map[string]struct{ file, source, want string }{
		"time as a value":       {"sfu/forward/a.go", `import "time"; func f(now time.Time, d time.Duration) time.Time { return now.Add(d) }`, ""},
		"a timer's name":        {"sfu/forward/a.go", `type clock struct{}; func (clock) Now() int { return 1 }; var x = clock{}.Now()`, ""},
		"codecs":                {"sfu/forward/a.go", `import _ "github.com/pion/rtp/codecs"`, ""},
		"standard data":         {"sfu/forward/a.go", `import _ "encoding/binary"`, ""},
		"itself":                {"sfu/forward/vp8/a.go", `import _ "` + module + `/sfu/forward"`, ""},
		"its messages":          {"signaling/session/outbox.go", `import _ "` + module + `/signaling/protocol"`, ""},
		"a test":                {"sfu/forward/a_test.go", `import _ "time"; import _ "os"; func f() { go f() }`, ""},
		"a neighbour":           {"sfu/receiver.go", `import _ "net"; func f() { go f() }`, ""},
		"a neighbour by prefix": {"sfu/forwarding/a.go", `import _ "net"`, ""},
		"reading the clock":     {"sfu/forward/a.go", `import "time"; var x = time.Now()`, "does not use time.Now"},
		"a clock by reference":  {"sfu/forward/a.go", `import "time"; var now = time.Now`, "does not use time.Now"},
		"a clock renamed":       {"sfu/forward/a.go", `import t "time"; var x = t.Since(t.Time{})`, "does not use time.Since"},
		"a clock in the open":   {"sfu/forward/a.go", `import . "time"; var x = Now()`, "not imported with a dot"},
		"waiting":               {"sfu/congestion/a.go", `import "time"; func f() { time.Sleep(1) }`, "does not use time.Sleep"},
		"a goroutine":           {"sfu/forward/a.go", `func f() { if true { go f() } }`, "starts no goroutine"},
		"a lock":                {"sfu/forward/a.go", `import _ "sync"`, "does not import sync"},
		"an atomic":             {"sfu/forward/a.go", `import _ "sync/atomic"`, "does not import sync/atomic"},
		"the network":           {"sfu/forward/a.go", `import _ "net/netip"`, "does not import net/netip"},
		"files":                 {"signaling/session/outbox.go", `import _ "os"`, "does not import os"},
		"a PeerConnection":      {"sfu/forward/a.go", `import _ "github.com/pion/webrtc/v4"`, "does not import github.com/pion/webrtc/v4"},
		"impure code of ours":   {"sfu/forward/a.go", `import _ "` + module + `/internal/udp"`, "does not import " + module + "/internal/udp"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, test.file, "package a\n\n\n"+test.source+"\n", test.want, 4)
		})
	}
}

func TestWhatIsNotOurCodeIsLeftOut(t *testing.T) {
	bad := &fstest.MapFile{Data: []byte("package util\n")}
	violations, err := Check(module, fstest.MapFS{
		".cache/util/a.go": bad, "web/node_modules/x/a.go": bad, "sfu/testdata/a.go": bad, "sfu/_old/a.go": bad, "sfu/a.txt": bad,
	})
	if err != nil || len(violations) != 0 {
		t.Errorf("got %v, %v", violations, err)
	}
}

func TestUnparsableFileIsAnError(t *testing.T) {
	if _, err := Check(module, fstest.MapFS{"sfu/a.go": {Data: []byte("packag sfu\n")}}); err == nil {
		t.Error("no error")
	}
}

// check holds that a module with one file has the wanted violation, at the
// line, or none.
func check(t *testing.T, file, source, want string, line int) {
	t.Helper()
	violations, err := Check(module, fstest.MapFS{file: {Data: []byte(source)}})
	if err != nil {
		t.Fatal(err)
	}
	if want == "" {
		if len(violations) > 0 {
			t.Errorf("got %v, want no violation", violations)
		}
		return
	}
	if len(violations) != 1 || !strings.Contains(violations[0].Rule, want) || violations[0].File != file || violations[0].Line != line {
		t.Errorf("got %v, want %s:%d: …%s…", violations, file, line, want)
	}
}
