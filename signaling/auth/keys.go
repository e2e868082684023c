package auth

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	minSecret = 32 // characters of a shared secret
	// maxKeyID is shorter than the shortest secret: a secret without an id
	// before it is never taken for an id, and so never shown.
	maxKeyID = minSecret - 1
	maxKeys  = 64
)

// Keys are the keys by which access tokens are checked. There may be several,
// each with an id, so that they can be rotated: add the new one, sign with it,
// take the old one out when its last token has expired. The zero value holds
// none and refuses every token. Keys never change; they may be used by many
// goroutines. No way of printing them shows a secret.
type Keys struct {
	list []key
}

// key is one of the keys. The methods are the only ones that a token of its
// may be signed by, whatever the token says.
type key struct {
	id      string
	methods []string // by their names in RFC 7518, section 3.1; the first one signs
	// material is what the library wants for the methods: a []byte secret or a
	// public key.
	material any
}

// ParseKeys reads keys as the configuration has them: id=secret, or
// id=@/path/to/public.pem, separated by commas. The error says which key is
// wrong, by its id, and never repeats a secret. Empty text is no keys.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	if strings.TrimSpace(text) == "" {
		return keys, nil
	}
	entries := strings.Split(text, ",")
	if len(entries) > maxKeys {
		return Keys{}, fmt.Errorf("there are %d keys; at most %d are possible", len(entries), maxKeys)
	}
	for i, entry := range entries {
		id, value, found := strings.Cut(strings.TrimSpace(entry), "=")
		if !found || !isKeyID(id) {
			return Keys{}, fmt.Errorf("key number %d does not begin with an id: write id=secret or id=@/path/to/public.pem, "+
				"the id being 1 to %d letters, digits, '-', '_' and '.', and no comma in the secret", i+1, maxKeyID)
		}
		if keys.Has(id) {
			return Keys{}, fmt.Errorf("there are two keys with the id %q; give each its own", id)
		}
		k, err := parseKey(id, value)
		if err != nil {
			return Keys{}, fmt.Errorf("the key %q cannot be used: %w", id, err)
		}
		keys.list = append(keys.list, k)
	}
	return keys, nil
}

func parseKey(id, value string) (key, error) {
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		material, methods, err := readPublicKey(path)
		return key{id, methods, material}, err
	}
	if strings.HasPrefix(value, "-----BEGIN") {
		return key{}, errors.New("its value is a PEM text; write it to a file and give @ and the file's path")
	}
	if len(value) < minSecret {
		return key{}, fmt.Errorf("its secret has %d characters; it needs at least %d, such as openssl rand -hex 32 makes", len(value), minSecret)
	}
	return key{id, []string{"HS256"}, []byte(value)}, nil
}

func isKeyID(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r) {
			return false
		}
	}
	return id != "" && len(id) <= maxKeyID
}

// Len is how many keys there are.
func (k Keys) Len() int { return len(k.list) }

// Has says whether there is a key of this id. After a rotation, what was let
// in by a key that is gone can be told by it.
func (k Keys) Has(id string) bool {
	_, ok := k.find(id)
	return ok
}

func (k Keys) find(id string) (key, bool) {
	for _, candidate := range k.list {
		if candidate.id == id {
			return candidate, true
		}
	}
	return key{}, false
}

// String lists the ids.
func (k Keys) String() string {
	var ids []string
	for _, one := range k.list {
		ids = append(ids, one.id)
	}
	return "keys [" + strings.Join(ids, " ") + "]"
}

// Format keeps the secrets from %+v, %#v and all other verbs.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }
