package srtp

import (
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	// replayWindow is how many packets back one may come for the first time
	// (RFC 3711, 3.3.2): retransmissions are a second old at most.
	replayWindow = 1024
	// reportWindow is the same for RTCP.
	reportWindow = 64
)

// Opener opens what comes from one client. It is not safe for concurrent use.
type Opener struct{ context *srtp.Context }

// NewOpener makes an Opener.
func NewOpener(keys Keys) (*Opener, error) {
	context, err := srtp.CreateContext(keys.remoteKey, keys.remoteSalt, keys.profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(reportWindow))
	if err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	return &Opener{context}, nil
}

// RTP opens a packet in place and reads its header.
func (o *Opener) RTP(packet []byte, header *rtp.Header) ([]byte, error) {
	return o.context.DecryptRTP(packet, packet, header)
}

// RTCP opens a compound packet in place.
func (o *Opener) RTCP(packet []byte) ([]byte, error) {
	return o.context.DecryptRTCP(packet, packet, nil)
}

// ReportSealer seals the RTCP that goes to one client. It is not safe for
// concurrent use.
type ReportSealer struct{ context *srtp.Context }

// NewReportSealer makes a ReportSealer.
func NewReportSealer(keys Keys) (*ReportSealer, error) {
	context, err := srtp.CreateContext(keys.localKey, keys.localSalt, keys.profile)
	if err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	return &ReportSealer{context}, nil
}

// Seal makes an SRTCP packet of a compound one, in into if that has the room.
func (s *ReportSealer) Seal(into, compound []byte) ([]byte, error) {
	return s.context.EncryptRTCP(into, compound, nil)
}
