package sfu

import "github.com/hiroba-rtc/hiroba/sfu/sdp"

// extensions are the ids of header extensions that one direction of one media
// section has negotiated; 0 is none.
type extensions struct {
	level, orientation, descriptor, transport uint8
}

// idsOf picks the extensions that forwarding reads or writes.
func idsOf(s *sdp.Section) extensions {
	return extensions{
		level:       s.ExtensionID(sdp.URIAudioLevel),
		orientation: s.ExtensionID(sdp.URIVideoOrientation),
		descriptor:  s.ExtensionID(sdp.URIDescriptor),
		transport:   s.ExtensionID(sdp.URITransportCC),
	}
}
