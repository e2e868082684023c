package auth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// pair is a private key and its public half in a file.
type pair struct {
	private    crypto.Signer
	publicPEM  []byte
	privatePEM []byte
	file       string
}

func newPair(t testing.TB, kind string) pair {
	t.Helper()
	var private crypto.Signer
	var err error
	switch kind {
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "weak rsa":
		private, err = rsa.GenerateKey(rand.Reader, 1024)
	case "p256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{
		private:    private,
		publicPEM:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		privatePEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
	p.file = writeFile(t, p.publicPEM)
	return p
}

func writeFile(t testing.TB, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each kind of key checks tokens by its own methods and by no other, though
// the signature be good.
func TestTheKeySaysTheMethod(t *testing.T) {
	methods := []jwt.SigningMethod{
		jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodPS256, jwt.SigningMethodPS512,
		jwt.SigningMethodES256, jwt.SigningMethodES384, jwt.SigningMethodEdDSA,
	}
	for kind, want := range map[string][]string{
		"rsa": {"RS256", "PS256"}, "p256": {"ES256"}, "p384": {"ES384"}, "ed25519": {"EdDSA"},
	} {
		t.Run(kind, func(t *testing.T) {
			p := newPair(t, kind)
			keys := parse(t, "k=@"+p.file)
			var got []string
			for _, method := range methods {
				token, err := jwt.NewWithClaims(method, jwt.MapClaims{"room": "tea", "exp": at(time.Hour)}).SignedString(p.private)
				if err != nil {
					continue // the key cannot sign so
				}
				if _, err := keys.Verify(token, now); err == nil {
					got = append(got, method.Alg())
				} else if !errors.Is(err, auth.ErrInvalid) {
					t.Errorf("%s: %v", method.Alg(), err)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("tokens are taken that are signed by %v, want %v", got, want)
			}
		})
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	p := newPair(t, "ed25519")
	long := strings.Repeat("s3cr3t", 8)
	for _, tc := range []struct{ name, text, says string }{
		{"a secret without an id", long, "key number 1 does not begin with an id"},
		{"a secret in base64 without an id", long[:43] + "=", "key number 1 does not begin with an id"},
		{"an id of nothing", "=" + long, "key number 1 does not begin with an id"},
		{"an id with a space", "a=" + long + ",b c=" + long, "key number 2 does not begin with an id"},
		{"a comma too many", "a=" + long + ",", "key number 2 does not begin with an id"},
		{"a short secret", "a=" + long[:31], `key "a" cannot be used: its secret has 31 characters`},
		{"no secret", "a=", `key "a" cannot be used: its secret has 0 characters`},
		{"an id twice", "a=" + long + ",a=" + long, `two keys with the id "a"`},
		{"too many", strings.Repeat("a="+long+",", 65), "at most 64"},
		{"a PEM text in place", "a=" + string(p.publicPEM), "write it to a file"},
		{"a file that is not there", "a=@/nonexistent/key.pem", `key "a" cannot be used: stat /nonexistent/key.pem`},
		{"a folder", "a=@" + t.TempDir(), "is no file"},
		{"a file of something else", "a=@" + writeFile(t, []byte("hello")), "holds no PEM text"},
		{"a file too large", "a=@" + writeFile(t, make([]byte, 64<<10+1)), "is no file of at most 64 KiB"},
		{"a private key", "a=@" + writeFile(t, p.privatePEM), "holds a private key"},
		{"two public keys", "a=@" + writeFile(t, append(bytes.Clone(p.publicPEM), p.publicPEM...)), "more than one"},
		{"a certificate", "a=@" + writeFile(t, bytes.ReplaceAll(p.publicPEM, []byte("PUBLIC KEY"), []byte("CERTIFICATE"))), "holds a CERTIFICATE"},
		{"a broken public key", "a=@" + writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})), "cannot be read"},
		{"a weak RSA key", "a=@" + newPair(t, "weak rsa").file, "1024 bits"},
		{"a curve of another kind", "a=@" + newPair(t, "p521").file, "P-521"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys, err := auth.ParseKeys(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, %v; it does not say %q", keys, err, tc.says)
			}
			if keys.Len() != 0 || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v, %v", keys, err)
			}
		})
	}
}

func TestNoKeysAreNoKeys(t *testing.T) {
	keys := parse(t, " ")
	if keys.Len() != 0 || keys.Has("") {
		t.Errorf("nothing was read as %v", keys)
	}
	if _, err := keys.Verify(forge(header, `{"room":"tea","exp":99999999999}`, ""), now); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a token for no keys: %v", err)
	}
}

// Keys are rotated by adding the new one, signing with it, and taking the old
// one out later.
func TestRotation(t *testing.T) {
	before := parse(t, "old="+secret)
	both := parse(t, "new=a fresh secret that nobody knows yet, old="+secret)
	after := parse(t, "new=a fresh secret that nobody knows yet")
	sign := func(keys auth.Keys) string {
		signer, err := keys.Signer("")
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Token(auth.Access{Room: "tea"}, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	old := sign(before)
	access, err := both.Verify(old, now)
	if err != nil || access.KeyID != "old" || !both.Has(access.KeyID) {
		t.Errorf("while both are there, the old token is %+v, %v", access, err)
	}
	if _, err := after.Verify(old, now); !errors.Is(err, auth.ErrInvalid) || after.Has(access.KeyID) {
		t.Errorf("after the rotation, the old token is answered %v", err)
	}
	if access, err := after.Verify(sign(both), now); err != nil || access.KeyID != "new" {
		t.Errorf("the new token is %+v, %v", access, err)
	}
}

// What a signer makes says the same when it is read.
func TestSignedTokensReadBack(t *testing.T) {
	ed, ec := newPair(t, "ed25519"), newPair(t, "p256")
	sec1, err := x509.MarshalECPrivateKey(ec.private.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	// What openssl ecparam -genkey writes.
	ecPEM := append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...)
	keys := parse(t, fmt.Sprintf("ed=@%s, ec=@%s, main=%s", ed.file, ec.file, secret))
	for id, makeSigner := range map[string]func() (auth.Signer, error){
		"main": func() (auth.Signer, error) { return keys.Signer("") },
		"ed":   func() (auth.Signer, error) { return keys.PrivateSigner(ed.privatePEM) },
		"ec":   func() (auth.Signer, error) { return keys.PrivateSigner(ecPEM) },
	} {
		signer, err := makeSigner()
		if err != nil || signer.KeyID() != id {
			t.Fatalf("%s: %v, %v", id, signer, err)
		}
		want := auth.Access{
			Room: "お茶", User: "u1", Name: "Ann <&>", Role: "host", Metadata: `{"a":1}`,
			Grants: auth.GrantsOf(protocol.Grant_SUBSCRIBE), Sources: []string{}, NotBefore: now,
		}
		token, err := signer.Token(want, now, 90*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		got, err := keys.Verify(token, now)
		if err != nil {
			t.Fatal(err)
		}
		want.KeyID, want.Expires, want.NotBefore = id, got.Expires, got.NotBefore
		if !reflect.DeepEqual(got, want) || !got.Expires.Equal(now.Add(90*time.Minute)) || !got.NotBefore.Equal(now) {
			t.Errorf("%s: got %+v, want %+v", id, got, want)
		}
	}
}

func TestWhatIsNotSigned(t *testing.T) {
	p := newPair(t, "p256")
	keys := parse(t, "public=@"+p.file+",main="+secret+",spare="+secret)
	for name, tc := range map[string]struct {
		keys auth.Keys
		id   string
		says string
	}{
		"no keys":        {auth.Keys{}, "", "there are no keys"},
		"an unknown key": {keys, "old", `there is no key "old"; those with a secret are main, spare`},
		"a public key":   {keys, "public", `the key "public" is a public one`},
		"only public":    {parse(t, "a=@"+p.file), "", "all keys are public"},
	} {
		if _, err := tc.keys.Signer(tc.id); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v does not say %q", name, err, tc.says)
		}
	}
	for name, tc := range map[string]struct {
		text []byte
		says string
	}{
		"somebody else's key": {newPair(t, "p256").privatePEM, "none of the keys"},
		"a public half":       {p.publicPEM, "PUBLIC KEY"},
		"nonsense":            {[]byte("nonsense"), "no PEM text"},
		"a broken key":        {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "cannot be read"},
	} {
		if _, err := keys.PrivateSigner(tc.text); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v does not say %q", name, err, tc.says)
		}
	}
	signer, err := keys.Signer("main")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		access auth.Access
		ttl    time.Duration
		says   string
	}{
		"no room":           {auth.Access{}, time.Hour, "names no room"},
		"a name too long":   {auth.Access{Room: "tea", Name: strings.Repeat("x", 65)}, time.Hour, "name has 65"},
		"a name of no text": {auth.Access{Room: "tea", Name: "\xff"}, time.Hour, "UTF-8"},
		"no time":           {auth.Access{Room: "tea"}, 0, "good for nothing"},
		"past time":         {auth.Access{Room: "tea"}, -time.Hour, "good for nothing"},
	} {
		if _, err := signer.Token(tc.access, now, tc.ttl); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v does not say %q", name, err, tc.says)
		}
	}
}

func TestKeysAreNeverPrinted(t *testing.T) {
	keys := parse(t, "main="+secret)
	signer, err := keys.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&printed, verb+" "+verb+" "+verb, keys, signer, struct{ Keys auth.Keys }{keys})
	}
	slog.New(slog.NewTextHandler(&printed, nil)).Info("text", "keys", keys, "signer", signer)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("json", "keys", keys, "signer", signer)
	marshalled, err := json.Marshal([]any{keys, signer})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(marshalled)
	for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret)), "0x63, 0x6f"} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("the secret is in\n%s", printed.String())
		}
	}
	if !strings.Contains(printed.String(), "main") {
		t.Errorf("the id is not in\n%s", printed.String())
	}
}
