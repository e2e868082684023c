package load

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

var example = Report{
	Plan: Plan{URL: "http://<x>", Rooms: 2, Seed: 7}, Seconds: 10, Interrupted: true,
	Clients: Clients{Publishers: 2, Subscribers: 6, Failed: 1, Held: 1, Replaced: 3, Lost: 1, Why: "it was so"},
	Flows: map[string]Flow{
		"video": {Sent: 1500, Streams: 5, Expected: 6, Received: 1_234_567, Rate: 9000, Bits: 86.4e6, Lost: 12, Pretended: 4, Recovered: 3, Probes: 2, Delay: Quantiles{100, 0.1, 0.2, 0.3, 0.4}},
	},
	Server: Server{Source: "process 1", CPUSeconds: 0.5, Cores: 0.05, PerPacket: 4.9, Resident: 40e6}, Generator: Own{Busy: 0.9}, Dropped: 5, Unknown: 6,
	Samples: []Sample{{Seconds: 1, Packets: 100, Resident: 30e6}, {Seconds: 2, Packets: 200, Lost: 3, DelayP50: 1, DelayP99: 2, ServerCPU: 0.5, Resident: 31e6}},
}

func TestTheTableSaysWhatMatters(t *testing.T) {
	var b strings.Builder
	if err := example.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Interrupted", "5 of 6", "1,234,567", "86.4 Mbit/s", "4.90 µs per packet", "1 streams never came", "4 packets were taken for lost; 3 came again",
		"held back", "it was so", "at its limit", "5 packets found no room", "replaced",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

func TestPlotsAreWellFormed(t *testing.T) {
	for name, r := range map[string]*Report{"a run": &example, "nothing": {}} {
		var b strings.Builder
		if err := r.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(strings.NewReader(b.String()))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, b.String())
			}
		}
	}
	var page strings.Builder
	if err := example.WriteHTML(&page); err != nil || strings.Contains(page.String(), "<x>") || !strings.Contains(page.String(), "<svg") {
		t.Errorf("the page is not one: %v", err)
	}
}

func TestALineOfProgress(t *testing.T) {
	line := Sample{Seconds: 3, Clients: 61, Expected: 61, Packets: 9000, Bits: 86.4e6, DelayP50: 0.2, DelayP99: 0.9, ServerCPU: 0.05, Resident: 41e6}.Line()
	if want := "   3 s  61 of 61 in, 9,000 packets/s, 86.4 Mbit/s, lost 0, delay 0.20 ms (p99 0.90), server 5 % of a core, 41 MB"; line != want {
		t.Errorf("%q", line)
	}
}
