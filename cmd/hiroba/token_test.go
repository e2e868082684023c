package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const twoKeys = "HIROBA_KEYS=new=0123456789abcdef0123456789abcdef,old=fedcba9876543210fedcba9876543210"

// runToken runs `hiroba token` and returns what it printed.
func runToken(t *testing.T, environ []string, args ...string) (out, notes string, err error) {
	t.Helper()
	command := program(t, environ, append([]string{"token"}, args...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	return stdout.String(), stderr.String(), err
}

// What is asked for is in the token, which stands alone on the standard
// output; the link with it is beside it.
func TestTokenCommand(t *testing.T) {
	abreast(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	publicFile, privateFile, file := filepath.Join(folder, "public.pem"), filepath.Join(folder, "private.pem"), filepath.Join(folder, "hiroba.yaml")
	for path, text := range map[string][]byte{
		publicFile:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}),
		privateFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}),
		file:        []byte("keys:\n  - pair=@" + publicFile + "\nport: 9999\n"),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		keys    configs.Secret
		want    auth.Access
		ttl     time.Duration
		link    string
	}{
		{
			"the least", []string{twoKeys}, []string{"--room", "tea"},
			configs.Secret(strings.TrimPrefix(twoKeys, "HIROBA_KEYS=")),
			auth.Access{KeyID: "new", Room: "tea", Grants: auth.DefaultGrants}, 2 * time.Hour, "http://localhost:8080/r/tea#token=",
		},
		{
			"everything", []string{twoKeys},
			[]string{
				"--room=お茶", "--name=Ann", "--user=u1", "--role=host", "--metadata={}", "--grant=admin", "--grant=data,record",
				"--source=camera", "--ttl=90s", "--key=old", "--url=https://meet.example/",
			},
			configs.Secret(strings.TrimPrefix(twoKeys, "HIROBA_KEYS=")),
			auth.Access{
				KeyID: "old", Room: "お茶", Name: "Ann", User: "u1", Role: "host", Metadata: "{}", Sources: []string{"camera"},
				Grants: auth.GrantsOf(protocol.Grant_ADMIN, protocol.Grant_DATA, protocol.Grant_RECORD),
			}, 90 * time.Second, "https://meet.example/r/%E3%81%8A%E8%8C%B6#token=",
		},
		{
			"a private key", nil, []string{"--room", "tea", "--config", file, "--private-key", privateFile},
			configs.Secret("pair=@" + publicFile),
			auth.Access{KeyID: "pair", Room: "tea", Grants: auth.DefaultGrants}, 2 * time.Hour, "http://localhost:9999/r/tea#token=",
		},
		{
			"every room", []string{twoKeys}, []string{"--room", "*"},
			configs.Secret(strings.TrimPrefix(twoKeys, "HIROBA_KEYS=")),
			auth.Access{KeyID: "new", Room: "*", Grants: auth.DefaultGrants}, 2 * time.Hour, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Now()
			out, notes, err := runToken(t, tc.environ, tc.args...)
			if err != nil {
				t.Fatalf("%v: %s", err, notes)
			}
			token, rest, _ := strings.Cut(out, "\n")
			if rest != "" {
				t.Errorf("beside the token it printed %q", rest)
			}
			if tc.link == "" && notes != "" || tc.link != "" && !strings.HasSuffix(notes, "\n"+tc.link+token+"\n") {
				t.Errorf("the link is in %q", notes)
			}
			keys, err := accessKeys(configs.Config{Keys: tc.keys})
			if err != nil {
				t.Fatal(err)
			}
			got, err := keys.Verify(token, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if left := got.Expires.Sub(began); left < tc.ttl-time.Second || left > tc.ttl+patience {
				t.Errorf("it is good for %v, want %v", left, tc.ttl)
			}
			got.Expires = time.Time{}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestTokenCommandRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		says    string
	}{
		{"no room", []string{twoKeys}, nil, "--room"},
		{"no keys", nil, []string{"--room=tea"}, "HIROBA_KEYS"},
		{"an unknown key", []string{twoKeys}, []string{"--room=tea", "--key=older"}, `there is no key "older"; those with a secret are new, old`},
		{"a key without a file", []string{"HIROBA_KEYS=a=@/nonexistent.pem"}, []string{"--room=tea"}, `the key "a" cannot be used`},
		{"a weak key", []string{"HIROBA_KEYS=a=s3cr3t"}, []string{"--room=tea"}, `the key "a" cannot be used: its secret has 6 characters`},
		{"no private key", []string{twoKeys}, []string{"--room=tea", "--private-key=/nonexistent.pem"}, "--private-key cannot be read"},
		{"an unknown grant", []string{twoKeys}, []string{"--room=tea", "--grant=fly"}, "publish subscribe data admin record"},
		{"a name too long", []string{twoKeys}, []string{"--room=tea", "--name=" + strings.Repeat("x", 65)}, "64 are allowed"},
		{"no time", []string{twoKeys}, []string{"--room=tea", "--ttl=0s"}, "good for nothing"},
		{"no address", []string{twoKeys}, []string{"--room=tea", "--url=meet.example"}, "https://meet.example"},
		{"another wrong setting", []string{twoKeys, "HIROBA_PORT=x"}, []string{"--room=tea"}, "HIROBA_PORT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, notes, err := runToken(t, tc.environ, tc.args...)
			if _, ended := errors.AsType[*exec.ExitError](err); !ended || out != "" {
				t.Fatalf("it ended with %v and printed %q", err, out)
			}
			if !strings.Contains(notes, tc.says) || strings.Contains(notes, "s3cr3t") || strings.Contains(notes, "0123456789abcdef") {
				t.Errorf("it says %q", notes)
			}
		})
	}
}
