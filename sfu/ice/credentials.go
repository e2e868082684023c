package ice

import (
	"crypto/rand"
	"encoding/base64"
)

// credentials are what one side signs and names its checks with (RFC 8445,
// section 5.3).
type credentials struct{ ufrag, pwd string }

// newCredentials has 48 random bits in its name, where 24 are asked for, and
// 144 in its password, where 128 are.
func newCredentials() credentials {
	var random [6 + 18]byte
	_, _ = rand.Read(random[:]) // never fails
	// The alphabet of base64 is that of ICE: letters, digits, + and /.
	return credentials{
		ufrag: base64.RawStdEncoding.EncodeToString(random[:6]),
		pwd:   base64.RawStdEncoding.EncodeToString(random[6:]),
	}
}
