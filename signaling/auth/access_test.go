package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const secret = "correct horse battery staple twice over"

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func parse(t testing.TB, text string) auth.Keys {
	t.Helper()
	keys, err := auth.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// forge writes a token by hand, as another program would, signed with HS256.
func forge(header, payload, secret string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const header = `{"alg":"HS256","typ":"JWT","kid":"main"}`

// at is a date in a payload, so long after now.
func at(after time.Duration) int64 { return now.Add(after).Unix() }

func TestWhatATokenSays(t *testing.T) {
	keys := parse(t, "main="+secret)
	for _, tc := range []struct {
		name, payload string
		want          auth.Access
	}{
		{
			"as little as there can be",
			fmt.Sprintf(`{"room":"tea","exp":%d}`, at(time.Hour)),
			auth.Access{KeyID: "main", Room: "tea", Grants: auth.DefaultGrants, Expires: now.Add(time.Hour)},
		},
		{
			"everything",
			fmt.Sprintf(`{"sub":"u1","name":"Ann","room":"*","role":"host","metadata":"{\"seat\":4}","grants":["admin","data"],
				"sources":["camera"],"exp":%d.5,"nbf":%d,"iat":%d,"aud":["x","hiroba"],"iss":"shop","theme":{"dark":true}}`, at(time.Hour), at(0), at(0)),
			auth.Access{
				KeyID: "main", User: "u1", Name: "Ann", Room: "*", Role: "host", Metadata: `{"seat":4}`,
				Grants: auth.GrantsOf(protocol.Grant_ADMIN, protocol.Grant_DATA), Sources: []string{"camera"},
				Expires: now.Add(time.Hour + 500*time.Millisecond), NotBefore: now,
			},
		},
		{
			"no grants and no sources",
			fmt.Sprintf(`{"room":"tea","exp":%d,"grants":[],"sources":[],"aud":"hiroba"}`, at(time.Hour)),
			auth.Access{KeyID: "main", Room: "tea", Sources: []string{}, Expires: now.Add(time.Hour)},
		},
		{
			"a clock half a minute ahead",
			fmt.Sprintf(`{"room":"tea","exp":%d,"nbf":%d,"iat":%d}`, at(time.Hour), at(30*time.Second), at(30*time.Second)),
			auth.Access{KeyID: "main", Room: "tea", Grants: auth.DefaultGrants, Expires: now.Add(time.Hour), NotBefore: now.Add(30 * time.Second)},
		},
		{
			"the last second",
			fmt.Sprintf(`{"room":"tea","exp":%d}`, at(time.Second)),
			auth.Access{KeyID: "main", Room: "tea", Grants: auth.DefaultGrants, Expires: now.Add(time.Second)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := keys.Verify(forge(header, tc.payload, secret), now)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Expires.Equal(tc.want.Expires) || !got.NotBefore.Equal(tc.want.NotBefore) {
				t.Errorf("from %v to %v, want %v to %v", got.NotBefore, got.Expires, tc.want.NotBefore, tc.want.Expires)
			}
			got.Expires, got.NotBefore = tc.want.Expires, tc.want.NotBefore
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	rsa := newPair(t, "rsa")
	keys := parse(t, "main="+secret+",second=another secret which is long enough,public=@"+rsa.file)
	good := fmt.Sprintf(`{"room":"tea","exp":%d}`, at(time.Hour))
	with := func(claim string) string { return strings.TrimSuffix(good, "}") + "," + claim + "}" }
	token := forge(header, good, secret)
	if _, err := keys.Verify(token, now); err != nil {
		t.Fatalf("what the others are made from is refused: %v", err)
	}
	segment := base64.RawURLEncoding.EncodeToString
	for _, tc := range []struct {
		name, token string
		want        error
		says        string
	}{
		{"expired", forge(header, fmt.Sprintf(`{"room":"tea","exp":%d}`, at(-time.Minute)), secret), auth.ErrExpired, "2026-11-21T08:59:00Z"},
		{"expired this moment", forge(header, fmt.Sprintf(`{"room":"tea","exp":%d}`, at(0)), secret), auth.ErrExpired, "good until"},
		{"not yet valid", forge(header, with(fmt.Sprintf(`"nbf":%d`, at(31*time.Second))), secret), auth.ErrInvalid, "still to come"},
		{"made in the future", forge(header, with(fmt.Sprintf(`"iat":%d`, at(31*time.Second))), secret), auth.ErrInvalid, "clocks"},
		{"no end", forge(header, `{"room":"tea"}`, secret), auth.ErrInvalid, "no exp"},
		{"an end of null", forge(header, `{"room":"tea","exp":null}`, secret), auth.ErrInvalid, "no exp"},
		{"an end in milliseconds", forge(header, fmt.Sprintf(`{"room":"tea","exp":%d000}`, at(0)), secret), auth.ErrInvalid, "seconds since 1970"},
		{"a huge end", forge(header, `{"room":"tea","exp":1e300}`, secret), auth.ErrInvalid, "seconds since 1970"},
		{"an end beyond numbers", forge(header, `{"room":"tea","exp":1e999}`, secret), auth.ErrInvalid, "exp is of the wrong type"},
		{"an end before time", forge(header, `{"room":"tea","exp":-1}`, secret), auth.ErrInvalid, "seconds since 1970"},
		{"an end in words", forge(header, `{"room":"tea","exp":"tomorrow"}`, secret), auth.ErrInvalid, "exp is of the wrong type"},
		{"a huge beginning", forge(header, with(`"nbf":1e300`), secret), auth.ErrInvalid, "seconds since 1970"},

		{"a wrong signature", forge(header, good, secret+"!"), auth.ErrInvalid, `signature is not one of the key "main"`},
		{"another key's signature", forge(`{"alg":"HS256","kid":"second"}`, good, secret), auth.ErrInvalid, `"second"`},
		{"no signature", strings.TrimRight(token, "_-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), auth.ErrInvalid, "signature"},
		{"another payload", segment([]byte(header)) + "." + segment([]byte(with(`"sub":"admin"`))) + token[strings.LastIndex(token, "."):], auth.ErrInvalid, "signature"},
		{"alg none", segment([]byte(`{"alg":"none","kid":"main"}`)) + "." + segment([]byte(good)) + ".", auth.ErrInvalid, "another method"},
		{"alg none with a signature", forge(`{"alg":"none","kid":"main"}`, good, secret), auth.ErrInvalid, "another method"},
		{"alg nOnE", forge(`{"alg":"nOnE","kid":"main"}`, good, secret), auth.ErrInvalid, "does not know"},
		{"a stronger alg than the key's", forge(`{"alg":"HS512","kid":"main"}`, good, secret), auth.ErrInvalid, "another method"},
		{"no alg", forge(`{"kid":"main"}`, good, secret), auth.ErrInvalid, "does not know"},
		{"a public key as a secret", forge(`{"alg":"HS256","kid":"public"}`, good, string(rsa.publicPEM)), auth.ErrInvalid, "another method"},
		{"a public method for a secret", forge(`{"alg":"RS256","kid":"main"}`, good, secret), auth.ErrInvalid, "another method"},

		{"an unknown key", forge(`{"alg":"HS256","kid":"old"}`, good, secret), auth.ErrInvalid, "kid names no key"},
		{"no key among several", forge(`{"alg":"HS256"}`, good, secret), auth.ErrInvalid, "has no kid"},
		{"a key that is a number", forge(`{"alg":"HS256","kid":1}`, good, secret), auth.ErrInvalid, "kid is no text"},
		{"extensions", forge(`{"alg":"HS256","kid":"main","crit":["b64"],"b64":false}`, good, secret), auth.ErrInvalid, "crit"},

		{"nothing", "", auth.ErrInvalid, "no JWT"},
		{"words", "let me in", auth.ErrInvalid, "no JWT"},
		{"two parts", "a.b", auth.ErrInvalid, "no JWT"},
		{"four parts", token + ".x", auth.ErrInvalid, "no JWT"},
		{"a line break", token + "\n", auth.ErrInvalid, "no JWT"},
		{"padding", token + "=", auth.ErrInvalid, "no JWT"},
		{"a header that is no object", forge(`"HS256"`, good, secret), auth.ErrInvalid, "no JWT"},
		{"a header of null", forge(`null`, good, secret), auth.ErrInvalid, "does not know"},
		{"oversized", forge(header, with(`"metadata":"`+strings.Repeat("x", 8<<10)+`"`), secret), auth.ErrInvalid, "8192 are allowed"},
		{"nested without end", forge(header, strings.Repeat("[", 5000), secret), auth.ErrInvalid, "no JWT"},

		{"a payload of null", forge(header, `null`, secret), auth.ErrInvalid, "payload"},
		{"a payload that is a list", forge(header, `[1]`, secret), auth.ErrInvalid, "payload"},
		{"a payload that is not UTF-8", forge(header, with("\"sub\":\"\xff\""), secret), auth.ErrInvalid, "UTF-8"},
		{"no room", forge(header, fmt.Sprintf(`{"exp":%d}`, at(time.Hour)), secret), auth.ErrInvalid, "names no room"},
		{"a room that is a number", forge(header, fmt.Sprintf(`{"room":7,"exp":%d}`, at(time.Hour)), secret), auth.ErrInvalid, "room is of the wrong type"},
		{"a long room", forge(header, with(`"room":"`+strings.Repeat("é", 65)+`"`), secret), auth.ErrInvalid, "room has 65"},
		{"a long user", forge(header, with(`"sub":"`+strings.Repeat("x", 129)+`"`), secret), auth.ErrInvalid, "sub has 129"},
		{"a long name", forge(header, with(`"name":"`+strings.Repeat("広", 65)+`"`), secret), auth.ErrInvalid, "name has 65"},
		{"a long role", forge(header, with(`"role":"`+strings.Repeat("x", 33)+`"`), secret), auth.ErrInvalid, "role has 33"},
		{"long metadata", forge(header, with(`"metadata":"`+strings.Repeat("x", 4097)+`"`), secret), auth.ErrInvalid, "metadata has 4097"},
		{"metadata that is an object", forge(header, with(`"metadata":{}`), secret), auth.ErrInvalid, "metadata is of the wrong type"},
		{"a name of two lines", forge(header, with(`"name":"a\nb"`), secret), auth.ErrInvalid, "control character"},
		{"grants that are a word", forge(header, with(`"grants":"admin"`), secret), auth.ErrInvalid, "lists of words"},
		{"grants of null", forge(header, with(`"grants":null`), secret), auth.ErrInvalid, "lists of words"},
		{"an unknown grant", forge(header, with(`"grants":["fly"]`), secret), auth.ErrInvalid, "publish subscribe data admin record"},
		{"a grant without a meaning", forge(header, with(`"grants":["grant_unspecified"]`), secret), auth.ErrInvalid, "grants is unknown"},
		{"a grant in capitals", forge(header, with(`"grants":["ADMIN"]`), secret), auth.ErrInvalid, "grants is unknown"},
		{"sources that are numbers", forge(header, with(`"sources":[1]`), secret), auth.ErrInvalid, "lists of words"},
		{"a source without a name", forge(header, with(`"sources":[""]`), secret), auth.ErrInvalid, "sources"},
		{"many sources", forge(header, with(`"sources":["a"`+strings.Repeat(`,"a"`, 16)+`]`), secret), auth.ErrInvalid, "17 sources"},
		{"for another audience", forge(header, with(`"aud":["billing"]`), secret), auth.ErrInvalid, "audience"},
		{"an audience that is a number", forge(header, with(`"aud":7`), secret), auth.ErrInvalid, "aud is of the wrong type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			access, err := keys.Verify(tc.token, now)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %+v, %v; want %v", access, err, tc.want)
			}
			if !strings.Contains(err.Error(), tc.says) || !reflect.DeepEqual(access, auth.Access{}) {
				t.Errorf("got %+v, %v; it does not say %q", access, err, tc.says)
			}
		})
	}
}

func TestAccessIsForARoom(t *testing.T) {
	for room, want := range map[string]bool{"tea": true, "Tea": false, "tea2": false, "": false, "*": false} {
		if got := (auth.Access{Room: "tea"}).Allows(room); got != want {
			t.Errorf("access to tea allows %q: %v", room, got)
		}
	}
	if !(auth.Access{Room: auth.EveryRoom}).Allows("tea") {
		t.Error("access to every room does not allow tea")
	}
	if (auth.Access{}).Allows("tea") {
		t.Error("access to no room allows tea")
	}
}

func TestAccessIsForSources(t *testing.T) {
	for name, tc := range map[string]struct {
		sources []string
		want    bool
	}{
		"all": {nil, true}, "this one": {[]string{"screen", "camera"}, true}, "another": {[]string{"screen"}, false}, "none": {[]string{}, false},
	} {
		if got := (auth.Access{Sources: tc.sources}).AllowsSource("camera"); got != tc.want {
			t.Errorf("%s: the camera is allowed: %v", name, got)
		}
	}
}

func TestGrants(t *testing.T) {
	none := auth.Grants(0)
	strange := []protocol.Grant{-1, 0, 6, 8, 64, 1 << 30}
	if got := none.With(strange...); got != none {
		t.Errorf("what is no grant was added: %v", got)
	}
	for _, grant := range strange {
		if auth.AllGrants.Has(grant) {
			t.Errorf("everything has %v, which is no grant", grant)
		}
	}
	set := auth.DefaultGrants.With(protocol.Grant_ADMIN).Without(protocol.Grant_DATA, protocol.Grant_RECORD)
	if got, want := set.String(), "publish subscribe admin"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := []protocol.Grant{protocol.Grant_PUBLISH, protocol.Grant_SUBSCRIBE, protocol.Grant_ADMIN}; !reflect.DeepEqual(set.List(), want) {
		t.Errorf("got %v, want %v", set.List(), want)
	}
	if read, ok := auth.ParseGrants(auth.AllGrants.Words()); !ok || read != auth.AllGrants {
		t.Errorf("all grants read back as %v", read)
	}
	for number := range protocol.Grant_name {
		if grant := protocol.Grant(number); grant != 0 && !auth.AllGrants.Has(grant) {
			t.Errorf("the schema's grant %v is in no set", grant)
		}
	}
}

// FuzzVerify holds that nothing that a stranger sends as a token is taken, nor
// comes back in the error.
func FuzzVerify(f *testing.F) {
	keys := parse(f, "main="+secret)
	good := forge(header, `{"room":"tea","exp":99999999999}`, secret)
	f.Add(good)
	f.Add(forge(`{"alg":"none"}`, `{"room":"tea","exp":99999999999}`, ""))
	f.Add(forge(`{"alg":"RS256","kid":"main"}`, `null`, secret))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := keys.Verify(token, now)
		if err == nil {
			if token != good {
				t.Fatalf("%q was taken", token)
			}
			return
		}
		if !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%v is no refusal", err)
		}
		if len(token) > 64 && strings.Contains(err.Error(), token) {
			t.Errorf("the token is in %v", err)
		}
	})
}

// FuzzClaims holds that a payload that is properly signed is either refused or
// within its bounds.
func FuzzClaims(f *testing.F) {
	keys := parse(f, "main="+secret)
	f.Add([]byte(`{"room":"tea","exp":99999999999,"grants":["admin"],"sources":["camera"],"aud":"hiroba","nbf":0.5}`))
	f.Add([]byte(`{"room":"*","exp":1e300,"sub":null,"metadata":"` + strings.Repeat("x", 5000) + `"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		access, err := keys.Verify(forge(header, string(payload), secret), now)
		switch {
		case err != nil:
			if !errors.Is(err, auth.ErrInvalid) && !errors.Is(err, auth.ErrExpired) {
				t.Errorf("%v is no refusal", err)
			}
		case !json.Valid(payload), access.Room == "", len(access.Room) > 4*64, len(access.User) > 128, len(access.Name) > 4*64,
			len(access.Role) > 32, len(access.Metadata) > 4<<10, len(access.Sources) > 16, !access.Expires.After(now),
			access.Expires.Year() > 9999, access.Grants&^auth.AllGrants != 0:
			t.Errorf("%q was read as %+v", payload, access)
		}
	})
}
