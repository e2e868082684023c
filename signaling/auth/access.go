package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// EveryRoom as the room of an Access stands for all of them.
const EveryRoom = "*"

// Bounds of what a token may say.
const (
	maxToken    = 8 << 10 // bytes
	maxUser     = 128     // bytes
	maxName     = 64      // characters
	maxRole     = 32      // bytes
	maxMetadata = 4 << 10 // bytes
	maxRoom     = 64      // characters
	maxSources  = 16
	maxSource   = 32 // bytes
)

// leeway is how far the clock of who made a token may be ahead of ours. None
// is given to the end of a token: it is the one thing that takes access away.
const leeway = 30 * time.Second

var (
	// ErrExpired is in the error of a token that was good once.
	ErrExpired = errors.New("the access token has expired")
	// ErrInvalid is in the error of every other token that is refused.
	ErrInvalid = errors.New("the access token is not valid")
)

// Access is what a token allows: who somebody is, where, and what they may do
// there. It is a plain value.
type Access struct {
	// KeyID names the key that signed the token.
	KeyID string
	// Room is the room's name, or EveryRoom.
	Room string
	// User is who it is beyond this room; empty when the token does not say.
	User string
	// Name is what others call the peer; empty leaves it to the client.
	Name string
	// Role is a word of the application's.
	Role string
	// Metadata is whatever the application wants others to know of the peer.
	Metadata string
	// Grants are what the peer may do.
	Grants Grants
	// Sources are the track sources that may be published, such as "camera";
	// nil means all, empty none.
	Sources []string
	// Expires is when it ends.
	Expires time.Time
	// NotBefore is when it begins; zero when the token does not say.
	NotBefore time.Time
}

// Allows says whether the access is for this room.
func (a Access) Allows(room string) bool { return a.Room == EveryRoom || a.Room == room }

// AllowsSource says whether tracks of this source may be published, by one who
// may publish at all.
func (a Access) AllowsSource(source string) bool {
	return a.Sources == nil || slices.Contains(a.Sources, source)
}

// check holds the fields to their bounds. The error completes "the access
// token is not valid: …" and repeats nothing that the token says.
func (a Access) check() error {
	if a.Room == "" {
		return errors.New(`it names no room; say one, or "*" for every room`)
	}
	for _, field := range []struct {
		name, value string
		most        int
		unit        string
	}{
		{"room", a.Room, maxRoom, "characters"},
		{"sub", a.User, maxUser, "bytes"},
		{"name", a.Name, maxName, "characters"},
		{"role", a.Role, maxRole, "bytes"},
		{"metadata", a.Metadata, maxMetadata, "bytes"},
	} {
		n := len(field.value)
		if field.unit == "characters" {
			n = utf8.RuneCountInString(field.value)
		}
		if n > field.most {
			return fmt.Errorf("its %s has %d %s; %d are allowed", field.name, n, field.unit, field.most)
		}
		if !utf8.ValidString(field.value) {
			return fmt.Errorf("its %s is not UTF-8", field.name)
		}
		if field.name != "metadata" && hasControl(field.value) {
			return fmt.Errorf("its %s holds a control character; leave it out", field.name)
		}
	}
	if len(a.Sources) > maxSources {
		return fmt.Errorf("it lists %d sources; %d are allowed", len(a.Sources), maxSources)
	}
	for _, source := range a.Sources {
		if source == "" || len(source) > maxSource || !utf8.ValidString(source) || hasControl(source) {
			return fmt.Errorf("one of its sources is not 1 to %d bytes of plain text", maxSource)
		}
	}
	return nil
}

func hasControl(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}
