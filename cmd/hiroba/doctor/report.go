package doctor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is what a run has found.
type Report struct {
	URL string `json:"url,omitempty"`
	// OK says that no leg fails.
	OK          bool     `json:"ok"`
	Interrupted bool     `json:"interrupted,omitempty"`
	Legs        []Result `json:"legs"`
}

// Write writes the report as a table, and below it what to do.
func (r *Report) Write(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, leg := range r.Legs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", leg.Title, leg.State, leg.time(), leg.where())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(to, r.advice())
	return err
}

// advice is one paragraph for each thing to do, with the legs that it would help.
func (r *Report) advice() string {
	var order []string
	legs := map[string][]string{}
	for _, leg := range r.Legs {
		for _, advice := range leg.Advice {
			if legs[advice] == nil {
				order = append(order, advice)
			}
			legs[advice] = append(legs[advice], leg.Title)
		}
	}
	var out strings.Builder
	for i, advice := range order {
		if i == 0 {
			out.WriteString("\nWhat to do:\n")
		}
		fmt.Fprintf(&out, "- %s: %s\n", strings.Join(legs[advice], ", "), advice)
	}
	switch {
	case r.Interrupted:
		out.WriteString("\nInterrupted: this is what was known until then.\n")
	case r.OK && r.URL == "":
		out.WriteString("\nThis machine allows what a server needs; no server was tried, as none was named.\n")
	case r.OK:
		out.WriteString("\nAll that the server offers works from here.\n")
	}
	return out.String()
}

// where is the detail, with the address that it is about.
func (r Result) where() string {
	switch r.Leg {
	case TURNUDP, TURNTCP, TURNTLS, TURNDTLS: // there may be several
		if r.Target != "" {
			return r.Target + ": " + r.Detail
		}
	}
	return r.Detail
}

// Line is a result as a line for a person who waits.
func (r Result) Line() string {
	return strings.TrimRight(fmt.Sprintf("%-28s %-12s %8s  %s", r.Title, r.State, r.time(), r.where()), " ")
}

// time is how long it took, as far as that means something.
func (r Result) time() string {
	if r.Milliseconds == 0 {
		return ""
	}
	if r.Milliseconds < 10 {
		return fmt.Sprintf("%.1f ms", r.Milliseconds)
	}
	return fmt.Sprintf("%.0f ms", r.Milliseconds)
}
