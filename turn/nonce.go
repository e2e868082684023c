package turn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

// nonceLifetime is how long a nonce is taken. A client that comes with an older
// one is given a new one, and asks again (RFC 8489, section 9.2.4).
const nonceLifetime = time.Hour

// nonceLength is the length of a nonce in bytes. It is short because it is sent
// to whoever asks: an answer is not to be much larger than its request.
const nonceLength = 16

// nonces makes nonces and knows them again, and keeps nothing for that: a nonce
// is the time, and a mark that only this server makes of it and of the address
// of the client that it was made for.
type nonces struct{ key [32]byte }

func newNonces() *nonces {
	n := new(nonces)
	_, _ = rand.Read(n.key[:]) // it cannot fail
	return n
}

// issue makes a nonce for a client at an address.
func (n *nonces) issue(now time.Time, client netip.Addr) string {
	return n.mark(uint32(now.Unix()), client)
}

// fresh reports whether this server issued the nonce to that address, not too
// long ago.
func (n *nonces) fresh(now time.Time, client netip.Addr, nonce string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(nonce) != nonceLength {
		return false
	}
	issued := binary.BigEndian.Uint32(raw)
	if !hmac.Equal([]byte(nonce), []byte(n.mark(issued, client))) {
		return false
	}
	age := now.Sub(time.Unix(int64(issued), 0))
	return age < nonceLifetime && age > -time.Minute
}

// mark is the nonce of a time: four bytes of it, and eight that prove it.
func (n *nonces) mark(seconds uint32, client netip.Addr) string {
	var raw [12]byte
	binary.BigEndian.PutUint32(raw[:], seconds)
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(raw[:4])
	addr := client.As16()
	mac.Write(addr[:])
	copy(raw[4:], mac.Sum(nil))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
