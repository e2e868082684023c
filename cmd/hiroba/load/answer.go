package load

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hiroba-rtc/hiroba/sfu/dtls"
)

// answer is what of a server's answer a client goes by.
type answer struct {
	ufrag, pwd   string
	fingerprints []dtls.Fingerprint
	active       bool // the server begins DTLS
	candidates   []candidate
	slots        []answeredSlot
}

// candidate is an address at which the server may be reached over UDP.
type candidate struct {
	addr     netip.AddrPort
	priority uint32
}

// answeredSlot is a section in which the server sends.
type answeredSlot struct {
	mid       string
	kind      kind
	ssrc, rtx uint32
}

// maxCandidates and maxSections bound what is read.
const (
	maxCandidates = 64
	maxSections   = 2048
)

// readAnswer reads an answer (RFC 8829, 5.3).
func readAnswer(text string) (a answer, err error) {
	section, sections := -1, 0 // of a.slots
	var current answeredSlot
	end := func() {
		if section >= 0 && current.ssrc != 0 {
			a.slots = append(a.slots, current)
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if media, ok := strings.CutPrefix(line, "m="); ok {
			end()
			if sections++; sections > maxSections {
				return a, fmt.Errorf("the server's answer has over %d sections", maxSections)
			}
			current, section = answeredSlot{kind: video}, -1
			switch {
			case strings.HasPrefix(media, "audio "):
				current.kind, section = audio, sections
			case strings.HasPrefix(media, "video "):
				section = sections
			}
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "a=ice-ufrag":
			a.ufrag = value
		case "a=ice-pwd":
			a.pwd = value
		case "a=setup":
			a.active = value == "active"
		case "a=fingerprint":
			algorithm, hash, _ := strings.Cut(value, " ")
			if f := (dtls.Fingerprint{Algorithm: algorithm, Value: hash}); len(a.fingerprints) < 8 {
				a.fingerprints = append(a.fingerprints, f)
			}
		case "a=candidate":
			if c, ok := readCandidate(value); ok && len(a.candidates) < maxCandidates {
				a.candidates = append(a.candidates, c)
			}
		case "a=mid":
			current.mid = value
		case "a=ssrc-group":
			if names := strings.Fields(value); len(names) == 3 && names[0] == "FID" {
				current.ssrc, current.rtx = readSSRC(names[1]), readSSRC(names[2])
			}
		case "a=ssrc":
			if name, _, _ := strings.Cut(value, " "); current.ssrc == 0 {
				current.ssrc = readSSRC(name)
			}
		}
	}
	end()
	switch {
	case a.ufrag == "" || a.pwd == "" || len(a.fingerprints) == 0:
		return a, errors.New("the server's answer lacks a=ice-ufrag, a=ice-pwd or a=fingerprint")
	case len(a.candidates) == 0:
		return a, errors.New("the server's answer has no candidate for UDP: is it run without UDP?")
	}
	return a, nil
}

func readSSRC(text string) uint32 {
	n, _ := strconv.ParseUint(text, 10, 32)
	return uint32(n)
}

// readCandidate reads one for UDP (RFC 8839, 5.1).
func readCandidate(text string) (c candidate, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 8 || !strings.EqualFold(fields[2], "udp") {
		return c, false
	}
	priority, err := strconv.ParseUint(fields[3], 10, 32)
	addr, err2 := netip.ParseAddr(fields[4])
	port, err3 := strconv.ParseUint(fields[5], 10, 16)
	if err != nil || err2 != nil || err3 != nil || port == 0 {
		return c, false
	}
	return candidate{netip.AddrPortFrom(addr.Unmap(), uint16(port)), uint32(priority)}, true
}
