package room

import (
	"unicode"
	"unicode/utf8"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

const (
	maxRoomName   = 64 // characters
	maxPeerName   = 64 // characters
	maxSource     = 32 // bytes
	maxTopic      = 64 // bytes
	maxRecipients = 1000
)

// CheckRoomName holds a room's name to a form that is safe in a URL path, a
// log line and a metric, in any script.
func CheckRoomName(name string) *protocol.Error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxRoomName {
		return protocol.Errorf(protocol.Error_BAD_ROOM_NAME,
			"The room's name has %d characters; it needs 1 to %d.", n, maxRoomName)
	}
	for i, r := range name {
		mark := r == '-' || r == '_' || (r == '.' && i > 0)
		if !mark && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return protocol.Errorf(protocol.Error_BAD_ROOM_NAME,
				"The room's name holds %q; use letters, digits, '-', '_' and '.', and begin with no '.'.", r)
		}
	}
	return nil
}

// checkPeerName holds a peer's name to what can be shown in one line.
func checkPeerName(name string) *protocol.Error {
	if n := utf8.RuneCountInString(name); n > maxPeerName {
		return protocol.Errorf(protocol.Error_BAD_FIELD,
			"name has %d characters; %d are allowed.", n, maxPeerName)
	}
	return checkPlain("name", name)
}

// checkPlain holds a text to what can be shown in one line.
func checkPlain(field, text string) *protocol.Error {
	for _, r := range text {
		if unicode.IsControl(r) {
			return protocol.Errorf(protocol.Error_BAD_FIELD, "%s holds the control character %U; leave it out.", field, r)
		}
	}
	return nil
}

const maxRole = 32 // characters

// checkRole holds a peer's role to what can be shown as a word.
func checkRole(role string) *protocol.Error {
	if n := utf8.RuneCountInString(role); n > maxRole {
		return protocol.Errorf(protocol.Error_BAD_FIELD, "role has %d characters; %d are allowed.", n, maxRole)
	}
	return checkPlain("role", role)
}
