package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verify tells whether Hiroba sent this body.
func verify(secret []byte, header http.Header, body []byte, now time.Time) bool {
	timestamp := header.Get("Hiroba-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	want := "v1=" + hex.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(header.Get("Hiroba-Signature")), []byte(want))
}

// recipe is the code in docs/webhooks.md in a language.
func recipe(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no code in %s", language)
	}
	return string(found[1])
}

// request is what a recipe judges at a time.
type request struct {
	name      string
	Secret    string `json:"secret"`
	Timestamp string `json:"timestamp"`
	Signature string `json:"signature"`
	Body      string `json:"body"` // base64
	Now       int64  `json:"now"`
	want      bool
}

func requests() []request {
	const now = 1767225600
	body := []byte(`{"id":"x","dropped":0,"events":[{"seq":"1","room":"お茶"}]}`)
	sent := func(name string, want bool, change func(*request)) request {
		r := request{
			name: name, Secret: string(key), Timestamp: strconv.Itoa(now), Body: base64.StdEncoding.EncodeToString(body), Now: now, want: want,
		}
		r.Signature = sign(key, r.Timestamp, body)
		change(&r)
		return r
	}
	return []request{
		sent("as it came", true, func(*request) {}),
		sent("five minutes later", true, func(r *request) { r.Now += 300 }),
		sent("a clock that is behind", true, func(r *request) { r.Now -= 300 }),
		sent("played again later", false, func(r *request) { r.Now += 301 }),
		sent("from the future", false, func(r *request) { r.Now -= 301 }),
		sent("another secret", false, func(r *request) { r.Secret = "seventeen letters" }),
		sent("another body", false, func(r *request) { r.Body = "e30=" }),
		sent("a newer timestamp", false, func(r *request) { r.Timestamp = strconv.Itoa(now + 1) }),
		sent("no timestamp", false, func(r *request) { r.Timestamp = "" }),
		sent("words for a timestamp", false, func(r *request) { r.Timestamp = "now" }),
		sent("a timestamp without end", false, func(r *request) { r.Timestamp = strings.Repeat("9", 6000) }),
		sent("no signature", false, func(r *request) { r.Signature = "" }),
		sent("another version", false, func(r *request) { r.Signature = "v2" + r.Signature[2:] }),
		sent("half a signature", false, func(r *request) { r.Signature = r.Signature[:30] }),
		sent("a signature that is not ASCII", false, func(r *request) { r.Signature = strings.Repeat("é", len(r.Signature)) }),
	}
}

func TestTheRecipeInGo(t *testing.T) {
	source, err := os.ReadFile("recipe_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), recipe(t, "go")) {
		t.Error("the code on the page is not the code that is tested here")
	}
	for _, r := range requests() {
		body, _ := base64.StdEncoding.DecodeString(r.Body)
		header := http.Header{"Hiroba-Timestamp": {r.Timestamp}, "Hiroba-Signature": {r.Signature}}
		if got := verify([]byte(r.Secret), header, body, time.Unix(r.Now, 0)); got != r.want {
			t.Errorf("%s: %v", r.name, got)
		}
	}
}

func TestTheRecipesInOtherLanguages(t *testing.T) {
	for _, c := range []struct {
		language, program, flag string
		around                  string // reads requests from standard input, writes the answers
	}{
		{"js", "node", "-e", `
const requests = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(requests.map((r) => verify(r.secret, { 'hiroba-timestamp': r.timestamp, 'hiroba-signature': r.signature },
  Buffer.from(r.body, 'base64'), r.now))));`},
		{"python", "python3", "-c", `
import base64, json, sys
print(json.dumps([verify(r["secret"].encode(), {"Hiroba-Timestamp": r["timestamp"], "Hiroba-Signature": r["signature"]},
    base64.b64decode(r["body"]), r["now"]) for r in json.load(sys.stdin)]))`},
	} {
		t.Run(c.program, func(t *testing.T) {
			if _, err := exec.LookPath(c.program); err != nil {
				t.Skipf("%s is not here", c.program)
			}
			all := requests()
			input, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), c.program, c.flag, recipe(t, c.language)+c.around)
			command.Stdin = bytes.NewReader(input)
			var errors bytes.Buffer
			command.Stderr = &errors
			output, err := command.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, &errors)
			}
			var got []bool
			if err := json.Unmarshal(output, &got); err != nil || len(got) != len(all) {
				t.Fatalf("%s printed %q", c.program, output)
			}
			for i, r := range all {
				if got[i] != r.want {
					t.Errorf("%s: %v", r.name, got[i])
				}
			}
		})
	}
}
