package turn

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"
)

func TestCredentials(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a := &authenticator{
		secrets: [][]byte{[]byte("the secret before"), []byte("a secret of the test")}, users: map[string]string{"bench": "word"},
		realm: "hiroba", grace: time.Hour,
	}
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	cases := map[string]struct {
		username, realm string
		method          stun.Method
		user            string
		err             error
	}{
		"valid":                     {at(time.Minute) + ":ann", "hiroba", stun.MethodAllocate, "ann", nil},
		"a user with a colon":       {at(time.Minute) + ":ann:phone", "hiroba", stun.MethodAllocate, "ann:phone", nil},
		"without a user":            {at(time.Minute), "hiroba", stun.MethodAllocate, at(time.Minute), nil},
		"with an empty user":        {at(time.Minute) + ":", "hiroba", stun.MethodAllocate, at(time.Minute) + ":", nil},
		"expires now":               {at(0) + ":ann", "hiroba", stun.MethodAllocate, "", errExpired},
		"expired, Allocate":         {at(-time.Second) + ":ann", "hiroba", stun.MethodAllocate, "", errExpired},
		"expired, Refresh":          {at(-time.Second) + ":ann", "hiroba", stun.MethodRefresh, "ann", nil},
		"expired, CreatePermission": {at(-time.Minute) + ":ann", "hiroba", stun.MethodCreatePermission, "ann", nil},
		"expired, ChannelBind":      {at(-time.Minute) + ":ann", "hiroba", stun.MethodChannelBind, "ann", nil},
		"grace is over":             {at(-time.Hour) + ":ann", "hiroba", stun.MethodRefresh, "", errExpired},
		"another realm":             {at(time.Minute) + ":ann", "other", stun.MethodAllocate, "", errRealm},
		"a user of the file":        {"bench", "hiroba", stun.MethodAllocate, "bench", nil},
		"no expiry":                 {"ann", "hiroba", stun.MethodAllocate, "", errUsername},
		"nothing":                   {"", "hiroba", stun.MethodAllocate, "", errUsername},
		"an expiry over 64 bits":    {"99999999999999999999:ann", "hiroba", stun.MethodAllocate, "", errUsername},
		"a time before 1970":        {"-5:ann", "hiroba", stun.MethodAllocate, "", errExpired},
		"the largest expiry":        {"9223372036854775807:ann", "hiroba", stun.MethodRefresh, "", errExpired},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			user, keys, err := a.check(now, c.username, c.realm, c.method)
			if user != c.user || !errors.Is(err, c.err) {
				t.Fatalf("user %q, error %v; want %q, %v", user, err, c.user, c.err)
			}
			if (keys == nil) != (c.err != nil) {
				t.Errorf("the keys are %x with error %v", keys, err)
			}
		})
	}
}

// What others hand out by the same convention opens the door here.
func TestCredentialsOfOthers(t *testing.T) {
	username, password, err := pion.GenerateLongTermTURNRESTCredentials("a secret of the test", "ann", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{secrets: [][]byte{[]byte("a secret of the test")}, realm: "hiroba"}
	user, keys, err := a.check(time.Now(), username, "hiroba", stun.MethodAllocate)
	if err != nil || user != "ann" || !bytes.Equal(keys[0], pion.GenerateAuthKey(username, "hiroba", password)) {
		t.Fatalf("user %q, error %v", user, err)
	}
}
