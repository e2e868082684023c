package configs

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Problem is one thing wrong with the configuration. Load returns all of them
// at once, joined; errors.As and errors.Is find each.
type Problem struct {
	Source string // where it was said: hiroba.yaml:3, HIROBA_PORT, --port
	Key    string // the setting it is about; empty when there is none
	Text   string // what is wrong, and what would be right
}

// Error is one line for the person who wrote the configuration.
func (p *Problem) Error() string { return p.Source + ": " + p.Text }

// impossible is the problem of a value that a setting cannot have.
func impossible(source string, setting Setting, value string) *Problem {
	return &Problem{source, setting.Name,
		fmt.Sprintf("%s is %s; it must be %s", setting.Name, setting.show(value), setting.Values)}
}

// unknown is the problem of a name that is no setting's. near is what was
// probably meant, spelled for the same source; it may be empty.
func unknown(source, what, name, near string) *Problem {
	text := fmt.Sprintf("there is no %s %s; docs/configuration.md lists them all", what, quote(name))
	if near != "" {
		text = fmt.Sprintf("there is no %s %s; did you mean %s?", what, quote(name), near)
	}
	return &Problem{Source: source, Text: text}
}

// quote shows a value on one line, cut when it is long.
func quote(value string) string {
	const longest = 64
	if len(value) <= longest {
		return strconv.Quote(value)
	}
	end := longest
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return strconv.Quote(value[:end]) + "…"
}
