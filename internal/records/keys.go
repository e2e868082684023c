package records

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
)

// suite is what a cipher suite says about records.
type suite struct {
	key  int // bytes of it
	hash func() hash.Hash
}

// suites are those with AES-GCM (RFC 5289): every client has them, and with one
// kind of cipher all records are laid out alike.
var suites = map[dtls.CipherSuiteID]suite{
	dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: {16, sha256.New},
	dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   {16, sha256.New},
	dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: {32, sha512.New384},
	dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:   {32, sha512.New384},
}

// Suites are what can be agreed on in the handshake, the preferred first.
func Suites() []dtls.CipherSuiteID {
	return []dtls.CipherSuiteID{
		dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}
}

// Secrets are what a handshake agreed on.
type Secrets struct {
	Suite                      dtls.CipherSuiteID // one of Suites
	Master                     []byte
	ClientRandom, ServerRandom []byte
}

// half is the cipher of one direction. It belongs to whoever holds the mutex of
// that direction.
type half struct {
	aead  cipher.AEAD
	nonce [saltLen + explicitLen]byte // begins with what is the same for all records (RFC 5288, section 3)
	about [13]byte                    // what is authenticated beside the content (RFC 5246, section 6.2.3.3)
}

// derive makes the keys of both directions (RFC 5246, section 6.3).
func (s *Secrets) derive() (client, server half, err error) {
	of, ok := suites[s.Suite]
	if !ok {
		return half{}, half{}, fmt.Errorf("records: %v is no cipher suite with AES-GCM", s.Suite)
	}
	keys, err := prf.GenerateEncryptionKeys(s.Master, s.ClientRandom, s.ServerRandom, 0, of.key, saltLen, of.hash)
	if err != nil {
		return half{}, half{}, fmt.Errorf("records: %w", err)
	}
	if client, err = newHalf(keys.ClientWriteKey, keys.ClientWriteIV); err != nil {
		return half{}, half{}, err
	}
	server, err = newHalf(keys.ServerWriteKey, keys.ServerWriteIV)
	return client, server, err
}

func newHalf(key, salt []byte) (half, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return half{}, fmt.Errorf("records: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return half{}, fmt.Errorf("records: %w", err)
	}
	h := half{aead: aead}
	copy(h.nonce[:], salt)
	return h, nil
}

// prepare readies nonce and about for a record, of which the header and the
// explicit part of the nonce are there.
func (h *half) prepare(record []byte, content int) {
	copy(h.nonce[saltLen:], record[HeaderLen:HeaderLen+explicitLen])
	copy(h.about[:8], record[3:11])  // epoch and sequence number
	copy(h.about[8:11], record[0:3]) // type and version
	h.about[11], h.about[12] = byte(content>>8), byte(content)
}
