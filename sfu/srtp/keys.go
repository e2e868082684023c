// Package srtp seals and opens SRTP and SRTCP (RFC 3711, RFC 7714) with the keys
// that DTLS agreed on (RFC 5764).
//
// What is opened, and what is rare, is done by pion/srtp. What is sent to many
// receivers is sealed here, straight from the shared payload into the datagram
// that leaves, with no copy and no allocation in between.
package srtp

import (
	"fmt"

	"github.com/pion/srtp/v3"
)

// Profile says which ciphers are used (RFC 5764, 4.1.2; RFC 7714, 14.2).
type Profile = srtp.ProtectionProfile

// The profiles that are used; the first two are AEAD.
const (
	AES128GCM = srtp.ProtectionProfileAeadAes128Gcm
	AES256GCM = srtp.ProtectionProfileAeadAes256Gcm
	AES128CM  = srtp.ProtectionProfileAes128CmHmacSha1_80
)

// Keys are what DTLS agreed on, for both directions.
type Keys struct {
	profile                                    Profile
	localKey, localSalt, remoteKey, remoteSalt []byte
}

// Exporter gives out keying material (RFC 5705). The state of a DTLS connection
// is one.
type Exporter = srtp.KeyingMaterialExporter

// Export takes the keys from a DTLS connection in which we were its client, or
// its server (RFC 5764, 4.2).
func Export(from Exporter, profile Profile, client bool) (Keys, error) {
	config := srtp.Config{Profile: profile}
	if err := config.ExtractSessionKeysFromDTLS(from, client); err != nil {
		return Keys{}, fmt.Errorf("srtp: taking the keys from DTLS: %w", err)
	}
	k := config.Keys
	return Keys{profile, k.LocalMasterKey, k.LocalMasterSalt, k.RemoteMasterKey, k.RemoteMasterSalt}, nil
}

// Swapped are the keys as the other end has them.
func (k Keys) Swapped() Keys {
	return Keys{k.profile, k.remoteKey, k.remoteSalt, k.localKey, k.localSalt}
}
