package configs

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// listOf reads a list of what item reads, separated by commas; a YAML list
// arrives joined by them. Empty text is no list.
func listOf[T any](item func(text string) (T, bool)) func(string) ([]T, bool) {
	return func(text string) ([]T, bool) {
		if text == "" {
			return nil, true
		}
		var list []T
		for field := range strings.SplitSeq(text, ",") {
			value, ok := item(strings.TrimSpace(field))
			if !ok {
				return nil, false
			}
			list = append(list, value)
		}
		return list, true
	}
}

// joined is the inverse of listOf.
func joined[T any](item func(T) string) func([]T) string {
	return func(list []T) string {
		var fields []string
		for _, value := range list {
			fields = append(fields, item(value))
		}
		return strings.Join(fields, ",")
	}
}

func asIs(text string) string { return text }

// keys is the text form of auth.ParseKeys. Only what can be told without the
// files that it names is told here.
func keys() form[Secret] {
	entries := listOf(func(text string) (string, bool) {
		id, value, found := strings.Cut(text, "=")
		return text, found && strings.TrimSpace(id) != "" && value != ""
	})
	return form[Secret]{
		values: "id=secret or id=@/path/to/public.pem, separated by commas, or empty",
		read: func(text string) (Secret, bool) {
			_, ok := entries(text)
			return Secret(text), ok
		},
		write: Secret.Reveal,
	}
}

// anyOrigin stands for the pages of every origin.
const anyOrigin = "*"

// plainOrigin is an origin as browsers write it (RFC 6454, section 6.2).
var plainOrigin = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)

// origins is a list of origins, or all of them.
func origins() form[[]string] {
	entries := listOf(func(text string) (string, bool) {
		text = strings.ToLower(text)
		// Browsers leave out the port that goes without saying.
		if host, found := strings.CutSuffix(text, ":443"); found && strings.HasPrefix(host, "https://") {
			text = host
		} else if host, found := strings.CutSuffix(text, ":80"); found && strings.HasPrefix(host, "http://") {
			text = host
		}
		return text, text == anyOrigin || plainOrigin.MatchString(text)
	})
	return form[[]string]{
		values: "origins such as https://app.example, without a path and separated by commas, or * alone, or empty",
		read: func(text string) ([]string, bool) {
			list, ok := entries(text)
			return list, ok && (len(list) < 2 || !slices.Contains(list, anyOrigin))
		},
		write: joined(asIs),
	}
}

// networks is a list of addresses and of networks. The network of everybody is
// refused: nobody's word is worth something if everybody's is.
func networks() form[[]netip.Prefix] {
	return form[[]netip.Prefix]{
		values: "IP addresses and networks such as 10.0.0.0/8, separated by commas, or empty",
		read: listOf(func(text string) (netip.Prefix, bool) {
			if addr, err := netip.ParseAddr(text); err == nil {
				addr = addr.Unmap()
				return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == "" && !addr.IsUnspecified()
			}
			prefix, err := netip.ParsePrefix(text)
			return prefix.Masked(), err == nil && prefix.Bits() > 0 && !prefix.Addr().Is4In6()
		}),
		write: joined(func(prefix netip.Prefix) string {
			if prefix.IsSingleIP() {
				return prefix.Addr().String()
			}
			return prefix.String()
		}),
	}
}

// listeners is a list of ports, each at most once.
func listeners() form[[]Listener] {
	const most = 16
	entries := listOf(parseListener)
	return form[[]Listener]{
		values: "ports from 1 to 65535, each once, 16 at most, separated by commas, with /tcp or /udp behind those that are for one of the two only, or empty",
		read: func(text string) ([]Listener, bool) {
			list, ok := entries(text)
			seen := make(map[int]bool)
			for _, l := range list {
				ok = ok && !seen[l.Port]
				seen[l.Port] = true
			}
			return list, ok && len(list) <= most
		},
		write: joined(Listener.String),
	}
}

// plainDomain is a name of a host that an authority can give a certificate for:
// of two parts at least, and not an address.
var plainDomain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// domains is a list of names of hosts.
func domains() form[[]string] {
	const longest, most = 253, 16
	entries := listOf(func(text string) (string, bool) {
		text = strings.ToLower(text)
		return text, len(text) <= longest && plainDomain.MatchString(text)
	})
	return form[[]string]{
		values: "names such as call.example.org, without https:// and *, 16 at most, separated by commas, or empty",
		read: func(text string) ([]string, bool) {
			list, ok := entries(text)
			return list, ok && len(list) <= most
		},
		write: joined(asIs),
	}
}

// webhookURLs is a list of places to send to. A password in a URL would end up
// in logs; the secret is what the receiver checks.
func webhookURLs() form[[]string] {
	const most = 16
	entries := listOf(func(text string) (string, bool) {
		u, err := url.Parse(text)
		return text, err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
	})
	return form[[]string]{
		values: "http or https URLs without a user and password, separated by commas and 16 at most, or empty",
		read: func(text string) ([]string, bool) {
			list, ok := entries(text)
			return list, ok && len(list) <= most
		},
		write: joined(asIs),
	}
}

// peerNetworks are networks of peers; all of a family is one of them.
func peerNetworks() form[[]netip.Prefix] {
	some := networks()
	return form[[]netip.Prefix]{
		values: some.values,
		read: listOf(func(text string) (netip.Prefix, bool) {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				return prefix.Masked(), !prefix.Addr().Is4In6()
			}
			addr, err := netip.ParseAddr(text)
			addr = addr.Unmap()
			return netip.PrefixFrom(addr, addr.BitLen()), err == nil && addr.Zone() == ""
		}),
		write: some.write,
	}
}

// users are names and passwords.
func users() form[Secret] {
	return form[Secret]{
		values: "names, each once, and passwords such as ann:word, separated by commas, or empty",
		read: func(text string) (Secret, bool) {
			if text == "" {
				return "", true
			}
			seen := make(map[string]bool)
			for field := range strings.SplitSeq(text, ",") {
				name, password, ok := strings.Cut(strings.TrimSpace(field), ":")
				if !ok || name == "" || password == "" || seen[name] {
					return "", false
				}
				seen[name] = true
			}
			return Secret(text), true
		},
		write: Secret.Reveal,
	}
}
