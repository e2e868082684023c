package turn

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

// Why a login was refused before its password was looked at.
var (
	errRealm    = errors.New("the realm is not this server's")
	errUsername = errors.New("the user name is none of the configuration, and not of the form expiry:user")
	errExpired  = errors.New("the credential has expired")
)

// authenticator knows two kinds of credentials.
//
// Time-limited ones follow the REST convention (draft-uberti-behave-turn-rest-00):
// the user name is "expiry:user", with the expiry in Unix seconds, and the
// password the Base64 of its HMAC-SHA1 under a secret that the server shares
// with whoever hands credentials out. There can be several secrets, so that one
// takes the place of another while credentials of both are in use.
//
// The expiry bounds when a credential can open an allocation. A call that runs
// by then is not cut: what keeps an allocation alive (Refresh,
// CreatePermission, ChannelBind) is let through for grace longer.
//
// Static users have a name and a password, and no end.
type authenticator struct {
	secrets [][]byte
	users   map[string]string // passwords
	realm   string
	grace   time.Duration
}

// check returns the user of a credential and the keys of its MESSAGE-INTEGRITY
// (RFC 8489, section 9.2.2), one for each secret. Only the right password makes
// one of them.
func (a *authenticator) check(now time.Time, username, realm string, method stun.Method) (user string, keys []stun.MessageIntegrity, err error) {
	if realm != a.realm {
		return "", nil, errRealm
	}
	if password, static := a.users[username]; static {
		return username, []stun.MessageIntegrity{longTermKey(username, realm, password)}, nil
	}
	expiry, user, _ := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil || len(a.secrets) == 0 {
		return "", nil, errUsername
	}
	until := time.Unix(seconds, 0)
	if method != stun.MethodAllocate {
		until = until.Add(a.grace)
	}
	if !now.Before(until) {
		return "", nil, errExpired
	}
	if user == "" {
		user = username // so that nameless credentials do not share one quota
	}
	for _, secret := range a.secrets {
		keys = append(keys, longTermKey(username, realm, password(secret, username)))
	}
	return user, keys, nil
}

// longTermKey is the key that RFC 8489, section 18.5.1.1, makes of a password.
func longTermKey(username, realm, password string) stun.MessageIntegrity {
	sum := md5.Sum([]byte(username + ":" + realm + ":" + password))
	return sum[:]
}

// password is what belongs to a user name. SHA-1 is what the convention and
// its clients use; HMAC-SHA1 does not suffer from SHA-1's collisions.
func password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
