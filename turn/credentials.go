package turn

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"
)

// Why a login was refused before its password was looked at.
var (
	errRealm    = errors.New("the realm is not this server's")
	errUsername = errors.New("the user name is not of the form expiry:user")
	errExpired  = errors.New("the credential has expired")
)

// authenticator checks time-limited credentials by the REST convention
// (draft-uberti-behave-turn-rest-00): the user name is "expiry:user", with the
// expiry in Unix seconds, and the password the Base64 of its HMAC-SHA1 under a
// secret that the server shares with whoever hands credentials out.
//
// The expiry bounds when a credential can open an allocation. A call that runs
// by then is not cut: what keeps an allocation alive (Refresh,
// CreatePermission, ChannelBind) is let through for grace longer.
type authenticator struct {
	secret []byte
	realm  string
	grace  time.Duration
	now    func() time.Time
}

// check returns the user of a credential and the key of its MESSAGE-INTEGRITY
// (RFC 8489, section 9.2.2), which only the right password makes. The compare
// itself is pion's, in constant time.
func (a *authenticator) check(username, realm string, method stun.Method) (user string, key []byte, err error) {
	if realm != a.realm {
		return "", nil, errRealm
	}
	expiry, user, _ := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil {
		return "", nil, errUsername
	}
	until := time.Unix(seconds, 0)
	if method != stun.MethodAllocate {
		until = until.Add(a.grace)
	}
	if !a.now().Before(until) {
		return "", nil, errExpired
	}
	if user == "" {
		user = username // so that nameless credentials do not share one quota
	}
	return user, pion.GenerateAuthKey(username, realm, password(a.secret, username)), nil
}

// password is what belongs to a user name. SHA-1 is what the convention and
// its clients use; HMAC-SHA1 does not suffer from SHA-1's collisions.
func password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
