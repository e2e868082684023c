package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/srtp/v3"
)

const (
	// Overhead is how many bytes sealing adds to an RTP packet at most: the tag
	// of AEAD AES-GCM (RFC 7714, 13.1); the other profile adds 10.
	Overhead = 16
	// lastIndex is that of the last packet that one key may seal for one stream
	// (RFC 3711, 9.2; RFC 7714, 10.1).
	lastIndex = 1<<48 - 1
	// saltBytes is how long the salt of AEAD AES-GCM is (RFC 7714, 12).
	saltBytes = 12
)

// ErrExhausted says that a stream has used up its key: the connection has to be
// made anew (RFC 3711, 9.2).
var ErrExhausted = errors.New("srtp: 2^48 packets of one stream were sealed with one key; make a new connection")

// Stream is what sealing has to know of one stream. It begins with its first
// packet.
type Stream struct {
	ssrc    uint32
	started bool
	highest uint64 // index: the roll-over counter, then the sequence number
}

// NewStream is for a stream that nothing was sealed of yet.
func NewStream(ssrc uint32) Stream { return Stream{ssrc: ssrc} }

// index is that of a packet (RFC 3711, 3.3.1): the one with its sequence number
// that is nearest to the highest.
func (s *Stream) index(seq uint16) (uint64, error) {
	if !s.started {
		s.started, s.highest = true, uint64(seq)
		return s.highest, nil
	}
	ahead := int64(int16(seq - uint16(s.highest)))
	switch at := int64(s.highest) + ahead; {
	case at < 0:
		return 0, fmt.Errorf("srtp: the sequence number %d is from before the stream's first", seq)
	case at > lastIndex:
		return 0, ErrExhausted
	default:
		s.highest = max(s.highest, uint64(at))
		return uint64(at), nil
	}
}

// Sealer seals what goes to one client. It is not safe for concurrent use.
type Sealer struct {
	aead  cipher.AEAD
	salt  [saltBytes]byte
	nonce [saltBytes]byte

	// other seals with a profile that is not AEAD; nil with one that is.
	other *srtp.Context
}

// NewSealer makes a Sealer.
func NewSealer(keys Keys) (*Sealer, error) {
	if keys.profile != AES128GCM && keys.profile != AES256GCM {
		other, err := srtp.CreateContext(keys.localKey, keys.localSalt, keys.profile)
		if err != nil {
			return nil, fmt.Errorf("srtp: %w", err)
		}
		return &Sealer{other: other}, nil
	}
	const labelKey, labelSalt = 0, 2 // RFC 3711, 4.3.2
	key, err := derive(labelKey, keys, len(keys.localKey))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	s := &Sealer{}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	salt, err := derive(labelSalt, keys, saltBytes)
	copy(s.salt[:], salt)
	return s, err
}

// derive makes a session key of the master key (RFC 3711, 4.3.3; RFC 7714, 11).
func derive(label byte, keys Keys, size int) ([]byte, error) {
	block, err := aes.NewCipher(keys.localKey)
	if err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	var x [aes.BlockSize]byte
	copy(x[:aes.BlockSize-2], keys.localSalt)
	x[7] ^= label
	out := make([]byte, size)
	cipher.NewCTR(block, x[:]).XORKeyStream(out, out)
	return out, nil
}

// Seal makes an SRTP packet of the RTP header in the first bytes of packet, which
// is of the stream and has the sequence number seq, and of a payload. The payload
// is not changed; it lies just behind the header, or elsewhere. packet needs room
// for both and for Overhead. The result is the first n bytes of packet.
func (s *Sealer) Seal(stream *Stream, seq uint16, packet []byte, header int, payload []byte) (n int, err error) {
	if len(packet) < header+len(payload)+Overhead {
		return 0, fmt.Errorf("srtp: there is room for %d bytes; a packet of %d needs %d", len(packet), header+len(payload), header+len(payload)+Overhead)
	}
	index, err := stream.index(seq)
	if err != nil {
		return 0, err
	}
	if s.other != nil {
		copy(packet[header:], payload)
		sealed, err := s.other.EncryptRTP(packet, packet[:header+len(payload)], nil)
		return len(sealed), err
	}
	// RFC 7714, 8.1.
	s.nonce = s.salt
	xor32(s.nonce[2:], stream.ssrc)
	xor32(s.nonce[6:], uint32(index>>16))
	s.nonce[10] ^= byte(index >> 8)
	s.nonce[11] ^= byte(index)
	return header + len(s.aead.Seal(packet[header:header], s.nonce[:], payload, packet[:header])), nil
}

// Warm reads what Seal is about to, for who is to call it for many clients: so
// their waits for memory overlap. What it returns means nothing.
func (s *Sealer) Warm() int { return int(s.nonce[0]) }

func xor32(b []byte, v uint32) {
	binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)^v)
}
