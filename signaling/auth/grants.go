package auth

import (
	"strings"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Grants is a set of what a peer may do. The zero value allows nothing. It is
// a plain value: With and Without return another set.
type Grants uint8

const (
	// DefaultGrants are those of a token that names none: to take part.
	DefaultGrants = Grants(1<<protocol.Grant_PUBLISH | 1<<protocol.Grant_SUBSCRIBE | 1<<protocol.Grant_DATA)
	// AllGrants allow everything.
	AllGrants = DefaultGrants | Grants(1<<protocol.Grant_ADMIN|1<<protocol.Grant_RECORD)
)

// bit is the place of a grant in the set; none for a number that is no grant,
// which a client may well send.
func bit(grant protocol.Grant) Grants {
	if grant < protocol.Grant_PUBLISH || grant > protocol.Grant_RECORD {
		return 0
	}
	return 1 << grant
}

// GrantsOf is the set of the grants given; what is no grant is left out.
func GrantsOf(grants ...protocol.Grant) Grants {
	var set Grants
	for _, grant := range grants {
		set |= bit(grant)
	}
	return set
}

// Has says whether the grant is in the set.
func (g Grants) Has(grant protocol.Grant) bool { return g&bit(grant) != 0 }

// With is the set with these grants in it.
func (g Grants) With(grants ...protocol.Grant) Grants { return g | GrantsOf(grants...) }

// Without is the set with these grants not in it.
func (g Grants) Without(grants ...protocol.Grant) Grants { return g &^ GrantsOf(grants...) }

// List returns the grants of the set, in the order of the schema.
func (g Grants) List() []protocol.Grant {
	var list []protocol.Grant
	for grant := protocol.Grant_PUBLISH; grant <= protocol.Grant_RECORD; grant++ {
		if g.Has(grant) {
			list = append(list, grant)
		}
	}
	return list
}

// Words returns the grants as they stand in a token: "publish", "subscribe"…
// It is empty, not nil, for the empty set.
func (g Grants) Words() []string {
	words := []string{}
	for _, grant := range g.List() {
		words = append(words, strings.ToLower(grant.String()))
	}
	return words
}

// String lists the words, for logs.
func (g Grants) String() string { return strings.Join(g.Words(), " ") }

// ParseGrants reads words as Words writes them. False means that one of them
// is no grant.
func ParseGrants(words []string) (Grants, bool) {
	var set Grants
	for _, word := range words {
		one := bit(protocol.Grant(protocol.Grant_value[strings.ToUpper(word)]))
		if one == 0 || word != strings.ToLower(word) {
			return 0, false
		}
		set |= one
	}
	return set, true
}
