// Package auth makes and checks what lets a client in.
package auth

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"time"
)

// TURN issues time-limited TURN credentials by the REST convention
// (draft-uberti-behave-turn-rest): the user name carries its own expiry, and
// the password proves that the holder of the secret wrote it.
type TURN struct {
	// Secret is shared with the TURN server.
	Secret []byte
	// TTL is how long a credential opens new allocations.
	TTL time.Duration
}

// Issue makes a credential for user, which must hold no colon.
func (t TURN) Issue(user string, now time.Time) (username, credential string) {
	username = strconv.FormatInt(now.Add(t.TTL).Unix(), 10) + ":" + user
	// SHA-1 is what the convention and every TURN server use; HMAC-SHA1 is
	// not weakened by SHA-1's collisions.
	mac := hmac.New(sha1.New, t.Secret)
	mac.Write([]byte(username))
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
