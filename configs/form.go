package configs

import (
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// form is how values of one type are written as text. values completes the
// sentence "it must be …"; read tells whether text is one of those values;
// write is its inverse.
type form[T any] struct {
	values string
	read   func(text string) (T, bool)
	write  func(T) string
}

// whole is a whole number from low to high.
func whole(low, high int) form[int] {
	return form[int]{
		values: fmt.Sprintf("a whole number from %d to %d", low, high),
		read: func(text string) (int, bool) {
			n, ok := parseWhole(text)
			return n, ok && low <= n && n <= high
		},
		write: strconv.Itoa,
	}
}

// parseWhole reads a number as people write it; forms whose meaning is easily
// mistaken (010, 0x10, 1_000, +1) are refused.
func parseWhole(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && strconv.Itoa(n) == text
}

// units of sizes, largest first.
var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size is a number of bytes from low to high.
func size(low, high int) form[int] {
	return form[int]{
		values: fmt.Sprintf("a size from %s to %s", writeSize(low), writeSize(high)),
		read: func(text string) (int, bool) {
			n, ok := parseSize(text)
			return n, ok && low <= n && n <= high
		},
		write: writeSize,
	}
}

func parseSize(text string) (int, bool) {
	for _, unit := range units {
		number, found := strings.CutSuffix(text, unit.name)
		if !found {
			continue
		}
		n, ok := parseWhole(strings.TrimRight(number, " "))
		if !ok || n < 0 || n > (1<<40)/unit.bytes {
			return 0, false
		}
		return n * unit.bytes, true
	}
	return parseWhole(text)
}

func writeSize(n int) string {
	for _, unit := range units[:3] {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return strconv.Itoa(n/unit.bytes) + unit.name
		}
	}
	return strconv.Itoa(n)
}

// duration is a time span from low to high.
func duration(low, high time.Duration) form[time.Duration] {
	return form[time.Duration]{
		values: fmt.Sprintf("a duration from %s to %s", writeDuration(low), writeDuration(high)),
		read: func(text string) (time.Duration, bool) {
			d, err := time.ParseDuration(text)
			return d, err == nil && low <= d && d <= high
		},
		write: writeDuration,
	}
}

// writeDuration writes 12h where time.Duration writes 12h0m0s.
func writeDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// boolean is true or false, and none of the many other spellings.
func boolean() form[bool] {
	return form[bool]{
		values: "true or false",
		read:   func(text string) (bool, bool) { return text == "true", text == "true" || text == "false" },
		write:  strconv.FormatBool,
	}
}

// oneOf is one of a few words; the empty word is described as "empty".
func oneOf[T ~string](words ...T) form[T] {
	var names []string
	for _, word := range words {
		if word == "" {
			word = "empty"
		}
		names = append(names, string(word))
	}
	return form[T]{
		values: alternatives(names),
		read:   func(text string) (T, bool) { return T(text), slices.Contains(words, T(text)) },
		write:  func(word T) string { return string(word) },
	}
}

// alternatives joins words as a sentence does: a, b or c.
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func logLevel() form[slog.Level] {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	write := func(level slog.Level) string { return strings.ToLower(level.String()) }
	var names []string
	for _, level := range levels {
		names = append(names, write(level))
	}
	return form[slog.Level]{
		values: alternatives(names),
		read: func(text string) (slog.Level, bool) {
			i := slices.Index(names, text)
			return levels[max(i, 0)], i >= 0
		},
		write: write,
	}
}

// address is an address to listen on. Names are not looked up: what a server
// binds to should not depend on a resolver.
func address() form[netip.Addr] {
	return form[netip.Addr]{
		values: "an IP address of this machine, such as 127.0.0.1, 0.0.0.0 (all of them) or ::1, or localhost",
		read: func(text string) (netip.Addr, bool) {
			if text == "localhost" {
				text = "127.0.0.1"
			}
			addr, err := netip.ParseAddr(text)
			return addr.Unmap(), err == nil && !addr.IsMulticast()
		},
		write: netip.Addr.String,
	}
}

// addresses is a list that others can send to.
func addresses() form[[]netip.Addr] {
	return form[[]netip.Addr]{
		values: "IP addresses that clients can reach, separated by commas, or empty",
		read: listOf(func(text string) (netip.Addr, bool) {
			addr, err := netip.ParseAddr(text)
			return addr.Unmap(), err == nil && !addr.IsUnspecified() && !addr.IsMulticast() && addr.Zone() == ""
		}),
		write: joined(netip.Addr.String),
	}
}

func portRange() form[PortRange] {
	return form[PortRange]{
		values: "a range of ports such as 49152-65535, or empty for any",
		read:   parsePortRange,
		write:  PortRange.String,
	}
}

// path is where a file or a folder is.
func path() form[string] {
	return form[string]{
		values: "a path, or empty",
		read:   func(text string) (string, bool) { return text, !strings.ContainsRune(text, 0) },
		write:  asIs,
	}
}

// httpsURL is where a service is that is asked only over TLS.
func httpsURL() form[string] {
	return form[string]{
		values: "an https URL, or empty",
		read: func(text string) (string, bool) {
			u, err := url.Parse(text)
			return text, text == "" || err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
		},
		write: asIs,
	}
}

// email is one address without a name.
func email() form[string] {
	return form[string]{
		values: "an address such as admin@example.org, or empty",
		read: func(text string) (string, bool) {
			address, err := mail.ParseAddress(text)
			return text, text == "" || err == nil && address.Address == text
		},
		write: asIs,
	}
}

// secret is text long enough not to be guessed.
func secret(shortest int) form[Secret] {
	return form[Secret]{
		values: fmt.Sprintf("at least %d characters, or empty", shortest),
		read: func(text string) (Secret, bool) {
			return Secret(text), text == "" || len(text) >= shortest
		},
		write: Secret.Reveal,
	}
}
