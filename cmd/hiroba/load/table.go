package load

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Line is a sample as a line for a person who waits.
func (s Sample) Line() string {
	line := fmt.Sprintf("%4.0f s  %d of %d in, %s packets/s, %s, lost %d, delay %.2f ms (p99 %.2f)",
		s.Seconds, s.Clients, s.Expected, number(s.Packets), bitRate(s.Bits), s.Lost, s.DelayP50, s.DelayP99)
	if s.Resident > 0 {
		line += fmt.Sprintf(", server %.0f %% of a core, %.0f MB", 100*s.ServerCPU, float64(s.Resident)/1e6)
	}
	return line
}

// Write writes the report as a table.
func (r *Report) Write(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
	c := &r.Clients
	fmt.Fprintf(w, "%d rooms, %d publishers, %d subscribers; seed %d\n", r.Plan.Rooms, c.Publishers, c.Subscribers, r.Plan.Seed)
	if r.Interrupted {
		fmt.Fprintln(w, "Interrupted: this is what was until then.")
	}
	fmt.Fprintln(w)
	row("", "streams", "sent", "received", "packets/s", "", "lost", "resent", "reordered", "doubled")
	for _, name := range kindNames {
		f, there := r.Flows[name]
		if !there {
			continue
		}
		row(name, fmt.Sprintf("%d of %d", f.Streams, f.Expected), number(float64(f.Sent)), number(float64(f.Received)), number(f.Rate), bitRate(f.Bits),
			number(float64(f.Lost)), number(float64(f.Recovered)), number(float64(f.Reordered)), number(float64(f.Doubled)))
	}
	fmt.Fprintln(w)
	row("ms", "p50", "p90", "p99", "max", "of")
	quantiles := func(name string, q Quantiles) {
		if q.Count > 0 {
			row(name, fmt.Sprintf("%.2f", q.P50), fmt.Sprintf("%.2f", q.P90), fmt.Sprintf("%.2f", q.P99), fmt.Sprintf("%.2f", q.Max), number(float64(q.Count)))
		}
	}
	for _, name := range kindNames {
		quantiles(name+", one way", r.Flows[name].Delay)
	}
	quantiles("join, to the answer", r.Answered)
	quantiles("join, to media", r.Connected)
	quantiles("join, to the first frame", r.FirstFrame)
	fmt.Fprintln(w)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, sentence := range r.sentences() {
		if _, err := fmt.Fprintln(to, sentence); err != nil {
			return err
		}
	}
	return nil
}

// sentences say what there is to say beside the tables.
func (r *Report) sentences() (out []string) {
	say := func(format string, arguments ...any) { out = append(out, fmt.Sprintf(format, arguments...)) }
	if s := &r.Server; s.Unread != "" {
		say("What the server used is not known, it may have ended: %s", s.Unread)
	} else if s.Source != "" && r.Seconds > 0 {
		cost := ""
		if s.PerPacket > 0 {
			cost = fmt.Sprintf("%.2f µs per packet that was received; ", s.PerPacket)
		}
		say("Server (%s): %.2f s of CPU in %.1f s, %.1f %% of a core; %s%.1f MB resident.",
			s.Source, s.CPUSeconds, r.Seconds, 100*s.Cores, cost, float64(s.Resident)/1e6)
	}
	if r.Seconds > 0 {
		say("Generator: %.2f s of CPU, %.2f µs per packet sent or received; its busiest loop was busy %.0f %% of the time.",
			r.Generator.CPUSeconds, r.Generator.PerPacket, 100*r.Generator.Busy)
	}
	say("%s packets were opened; %d of them were not what was sent, %d were of another room.", number(float64(r.Opened)), r.Broken, r.Foreign)
	for _, name := range kindNames {
		f := r.Flows[name]
		if f.Pretended > 0 {
			say("%s: %s packets were taken for lost; %s came again.", name, number(float64(f.Pretended)), number(float64(f.Recovered)))
		}
		if f.Probes > 0 {
			say("%s: %s packets came to try what the way carries.", name, number(float64(f.Probes)))
		}
		if f.Streams < f.Expected {
			say("%s: %d streams never came.", name, f.Expected-f.Streams)
		}
	}
	c := &r.Clients
	if r.Unknown > 0 {
		say("%d packets belonged to no stream that was told of.", r.Unknown)
	}
	if r.Dropped > 0 {
		say("%d packets found no room in the generator's own sockets: it is not the server that lost them.", r.Dropped)
	}
	if c.Replaced > 0 {
		say("%d subscribers were replaced by others.", c.Replaced)
	}
	if c.Held > 0 {
		say("%d slots are held back by the server, for want of bandwidth.", c.Held)
	}
	if c.Failed > 0 {
		say("%d clients did not get in: %s", c.Failed, c.Why)
	}
	if c.Lost > 0 {
		say("%d sessions ended by themselves: %s", c.Lost, c.Why)
	}
	if r.Generator.Busy > 0.8 {
		say("The generator was at its limit: take fewer clients, or several machines.")
	}
	return out
}

// number writes a number with commas between thousands.
func number(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func bitRate(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f Gbit/s", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f Mbit/s", n/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", n/1e3)
}
