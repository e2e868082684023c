package load

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// The size of a plot, in pixels.
const (
	plotWidth   = 900
	panelHeight = 150
	panelGap    = 46
	plotLeft    = 70
	plotRight   = 20
)

// panel is one diagram over time.
type panel struct {
	title string
	lines []curve
}

type curve struct {
	name, colour string
	value        func(Sample) float64
}

func (r *Report) panels() []panel {
	out := []panel{
		{"packets received a second", []curve{{"packets/s", "#2563eb", func(s Sample) float64 { return s.Packets }}}},
		{"one-way delay, ms", []curve{
			{"median", "#2563eb", func(s Sample) float64 { return s.DelayP50 }},
			{"p99", "#dc2626", func(s Sample) float64 { return s.DelayP99 }},
		}},
		{"packets lost, in all", []curve{{"lost", "#dc2626", func(s Sample) float64 { return float64(s.Lost) }}}},
	}
	cpu := panel{"CPU, % of a core", []curve{{"generator", "#9ca3af", func(s Sample) float64 { return 100 * s.OwnCPU }}}}
	for _, s := range r.Samples {
		if s.Resident > 0 {
			cpu.lines = append(cpu.lines, curve{"server", "#2563eb", func(s Sample) float64 { return 100 * s.ServerCPU }})
			out = append(out, panel{"memory of the server, MB", []curve{{"resident", "#059669", func(s Sample) float64 { return float64(s.Resident) / 1e6 }}}})
			break
		}
	}
	return append(out, cpu)
}

// WriteSVG draws the run over time.
func (r *Report) WriteSVG(to io.Writer) error {
	panels := r.panels()
	var b strings.Builder
	height := len(panels)*(panelHeight+panelGap) + panelGap
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, height)
	for i, p := range panels {
		p.draw(&b, r.Samples, float64(panelGap+i*(panelHeight+panelGap)))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(to, b.String())
	return err
}

func (p *panel) draw(b *strings.Builder, samples []Sample, top float64) {
	first, last, most := 0.0, 1.0, 0.0
	if len(samples) > 0 {
		first, last = samples[0].Seconds, max(samples[len(samples)-1].Seconds, samples[0].Seconds+1)
	}
	for _, s := range samples {
		for _, c := range p.lines {
			most = max(most, c.value(s))
		}
	}
	if most == 0 {
		most = 1
	}
	const width = plotWidth - plotLeft - plotRight
	x := func(seconds float64) float64 { return plotLeft + (seconds-first)/(last-first)*width }
	y := func(value float64) float64 { return top + panelHeight - value/most*panelHeight }
	fmt.Fprintf(b, `<text x="%d" y="%.1f" font-weight="bold">%s</text>`+"\n", plotLeft, top-8, html.EscapeString(p.title))
	for _, share := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#e5e7eb"/>`, plotLeft, plotWidth-plotRight, y(share*most), y(share*most))
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#6b7280">%s</text>`+"\n", plotLeft-6, y(share*most)+4, label(share*most))
	}
	for _, seconds := range []float64{first, last} {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#6b7280">%.0f s</text>`+"\n", x(seconds), top+panelHeight+16, seconds)
	}
	for i, c := range p.lines {
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, c.colour)
		for _, s := range samples {
			fmt.Fprintf(b, "%.1f,%.1f ", x(s.Seconds), y(c.value(s)))
		}
		b.WriteString("\"/>\n")
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="%s">%s</text>`+"\n", plotWidth-plotRight-90*i, top-8, c.colour, c.name)
	}
}

func label(value float64) string {
	if value >= 1000 {
		return number(value)
	}
	return fmt.Sprintf("%.3g", value)
}

// WriteHTML writes a page with the table and the drawing.
func (r *Report) WriteHTML(to io.Writer) error {
	var table, drawing strings.Builder
	if err := r.Write(&table); err != nil {
		return err
	}
	if err := r.WriteSVG(&drawing); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>hiroba load %s</title>\n<h1>%s</h1>\n<p>%s</p>\n<pre>%s</pre>\n%s",
		html.EscapeString(r.Plan.URL), html.EscapeString(r.Plan.URL), r.Began.UTC().Format("2006-01-02 15:04 MST"), html.EscapeString(table.String()), drawing.String())
	return err
}
