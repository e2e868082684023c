package configs

import (
	"fmt"
	"strings"
)

// PortRange is a range of ports with both ends in it. The zero value means
// any port.
type PortRange struct {
	Low, High uint16
}

// IsZero tells whether any port will do.
func (r PortRange) IsZero() bool { return r == PortRange{} }

// String writes the range as the configuration has it: 49152-65535, or nothing
// for any port.
func (r PortRange) String() string {
	if r.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

func parsePortRange(text string) (PortRange, bool) {
	if text == "" {
		return PortRange{}, true
	}
	first, last, found := strings.Cut(text, "-")
	low, lowOK := parseWhole(first)
	high, highOK := parseWhole(last)
	if !found || !lowOK || !highOK || low < 1 || high > 65535 || low > high {
		return PortRange{}, false
	}
	return PortRange{Low: uint16(low), High: uint16(high)}, true
}
