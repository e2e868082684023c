package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// audience is what a token's aud names, if it has one (RFC 7519, section
// 4.1.3): a token for somebody else is not for us, even if the key is the same.
const audience = "hiroba"

// lastDate is the end of the year 9999: what is later is a mistake, such as
// milliseconds for seconds.
const lastDate = 253402300799

// claims is the payload of a token, as in docs/access.md. What is not listed
// here is ignored (RFC 7519, section 4).
type claims struct {
	Subject   string      `json:"sub,omitempty"`
	Expires   *float64    `json:"exp"`
	NotBefore *float64    `json:"nbf,omitempty"`
	IssuedAt  *float64    `json:"iat,omitempty"`
	Audience  wordOrWords `json:"aud,omitempty"`
	Room      string      `json:"room"`
	Name      string      `json:"name,omitempty"`
	Role      string      `json:"role,omitempty"`
	Metadata  string      `json:"metadata,omitempty"`
	Grants    words       `json:"grants,omitzero"`
	Sources   words       `json:"sources,omitzero"`
}

// words is a list of strings, nil when it was left out. null is refused: it
// would leave open whether everything or nothing is meant.
type words []string

var errWords = errors.New("its grants and sources must be lists of words; leave them out for the usual ones")

// UnmarshalJSON takes a list of strings only.
func (w *words) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]string)(w)) != nil || *w == nil {
		return errWords
	}
	return nil
}

// wordOrWords is a string or a list of them.
type wordOrWords []string

// UnmarshalJSON takes either form.
func (w *wordOrWords) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = wordOrWords{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// readClaims reads a payload whose signature is good.
func readClaims(payload []byte, now time.Time) (Access, error) {
	var c claims
	if !utf8.Valid(payload) {
		return Access{}, invalid("its payload is not UTF-8")
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return Access{}, invalid("%s", explain(err))
	}
	access := Access{Room: c.Room, User: c.Subject, Name: c.Name, Role: c.Role, Metadata: c.Metadata, Grants: DefaultGrants}
	if err := c.readTimes(&access, now); err != nil {
		return Access{}, err
	}
	if len(c.Audience) > 0 && !slices.Contains(c.Audience, audience) {
		return Access{}, invalid("it is for another audience; leave aud out, or name %q in it", audience)
	}
	if c.Grants != nil {
		grants, ok := ParseGrants(c.Grants)
		if !ok {
			return Access{}, invalid("one of its grants is unknown; there are %s", AllGrants)
		}
		access.Grants = grants
	}
	access.Sources = c.Sources
	if err := access.check(); err != nil {
		return Access{}, invalid("%w", err)
	}
	return access, nil
}

// readTimes holds the token's times against now.
func (c *claims) readTimes(access *Access, now time.Time) error {
	if c.Expires == nil {
		return invalid("it has no exp; say when it ends")
	}
	for _, date := range []*float64{c.Expires, c.NotBefore, c.IssuedAt} {
		if date != nil && !(*date >= 0 && *date <= lastDate) {
			return invalid("one of its exp, nbf and iat is no date; they are in seconds since 1970")
		}
	}
	access.Expires = dateOf(*c.Expires)
	if c.NotBefore != nil {
		access.NotBefore = dateOf(*c.NotBefore)
	}
	switch {
	case !now.Before(access.Expires):
		return fmt.Errorf("%w: it was good until %s", ErrExpired, access.Expires.UTC().Format(time.RFC3339))
	case now.Add(leeway).Before(access.NotBefore):
		return invalid("it is good from %s on, which is still to come", access.NotBefore.UTC().Format(time.RFC3339))
	case c.IssuedAt != nil && now.Add(leeway).Before(dateOf(*c.IssuedAt)):
		return invalid("it was made in the future; compare the clocks of this server and of who made it")
	}
	return nil
}

// dateOf reads a NumericDate (RFC 7519, section 2), which may have a fraction.
func dateOf(seconds float64) time.Time {
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second)))
}

// explain says what is wrong with a payload, without repeating it.
func explain(err error) string {
	if errors.Is(err, errWords) {
		return err.Error()
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return fmt.Sprintf("its %s is of the wrong type", wrong.Field)
	}
	return "its payload is no JSON object of claims"
}

// invalid makes an error that wraps ErrInvalid.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// writeClaims is the inverse of readClaims. Times are written in whole
// seconds; the end is cut, so that a token never lasts longer than was asked.
func writeClaims(access Access, now time.Time) ([]byte, error) {
	c := claims{
		Subject: access.User, Expires: numericDate(access.Expires), IssuedAt: numericDate(now),
		Room: access.Room, Name: access.Name, Role: access.Role, Metadata: access.Metadata,
		Grants: access.Grants.Words(), Sources: access.Sources,
	}
	if !access.NotBefore.IsZero() {
		c.NotBefore = numericDate(access.NotBefore)
	}
	return json.Marshal(c)
}

func numericDate(at time.Time) *float64 {
	seconds := float64(at.Unix())
	return &seconds
}
