package auth_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
)

// What docs/access.md tells people to run makes tokens that are good.
func TestDocumentedWaysToMakeAToken(t *testing.T) {
	text, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := parse(t, "main="+secret)
	for language, command := range map[string][]string{
		"sh": {"sh", "-eu"}, "js": {"node", "--input-type=module"}, "python": {"python3"},
	} {
		t.Run(language, func(t *testing.T) {
			example := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
			if example == nil {
				t.Fatal("there is no example")
			}
			for _, needed := range []string{command[0], "openssl"} {
				if _, err := exec.LookPath(needed); err != nil {
					t.Skip(err)
				}
			}
			run := exec.Command(command[0], command[1:]...)
			run.Env = append(os.Environ(), "SECRET="+secret)
			run.Stdin = strings.NewReader(string(example[1]))
			run.Stderr = t.Output()
			out, err := run.Output()
			if err != nil {
				t.Fatal(err)
			}
			access, err := keys.Verify(strings.TrimSpace(string(out)), time.Now())
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			left := time.Until(access.Expires)
			access.Expires = time.Time{}
			if access.Room != "tea" || access.User != "ann" || access.Name != "Ann" || access.Grants != auth.DefaultGrants || left < time.Hour || left > 2*time.Hour {
				t.Errorf("it is good for %v and says %+v", left, access)
			}
		})
	}
}
