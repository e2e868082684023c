package load

import (
	"strings"
	"testing"
	"time"
)

func TestVideo(t *testing.T) {
	for text, want := range map[string]Video{
		"vp8:1.5M:30":  {"vp8", 1.5e6, 30},
		"H264:500k:15": {"h264", 500e3, 15},
		"vp9:90000:25": {"vp9", 90e3, 25},
		"none":         {},
	} {
		var v, again Video
		if err := v.UnmarshalText([]byte(text)); err != nil || v != want {
			t.Errorf("%s was read as %+v, %v", text, v, err)
		}
		if err := again.UnmarshalText([]byte(v.String())); err != nil || again != v {
			t.Errorf("%s was written as %s, which is read as %+v, %v", text, v, again, err)
		}
	}
	for _, text := range []string{"", "vp8", "vp8:1M", "vp8:M:30", "vp8:1M:30:1", "vp8:1M:fast"} {
		var v Video
		if err := v.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, v)
		}
	}
}

func TestData(t *testing.T) {
	var d Data
	if err := d.UnmarshalText([]byte("10:200")); err != nil || d != (Data{10, 200}) {
		t.Errorf("%+v, %v", d, err)
	}
	for _, want := range []Data{d, {}} {
		text, err := want.MarshalText()
		if err != nil || d.UnmarshalText(text) != nil || d != want {
			t.Errorf("%+v was written as %q", want, text)
		}
	}
	for _, text := range []string{"", "10", "10:", "a:1", "1:b"} {
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestAPlanThatCannotBeSaysWhy(t *testing.T) {
	good := Plan{URL: "http://localhost:1", Rooms: 1, Publishers: 1, Subscribers: 1, Audio: true, Duration: time.Second, Open: 50}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Plan){
		"http://host:port":     func(p *Plan) { p.URL = "localhost:8080" },
		"at least one room":    func(p *Plan) { p.Rooms = 0 },
		"50000 clients":        func(p *Plan) { p.Subscribers = 50_000 },
		"nothing would":        func(p *Plan) { p.Audio = false },
		"--duration":           func(p *Plan) { p.Duration = 0 },
		"--loss":               func(p *Plan) { p.Loss = 0.95 },
		"--ramp":               func(p *Plan) { p.Ramp = -1 },
		"--open":               func(p *Plan) { p.Open = 0 },
		"needs --video":        func(p *Plan) { p.Simulcast = true },
		"vp8, vp9 and h264":    func(p *Plan) { p.Video = Video{"av1", 1e6, 30} },
		"frames a second":      func(p *Plan) { p.Video = Video{"vp8", 1e6, 0.5} },
		"messages a second of": func(p *Plan) { p.Data = Data{1, 3} },
	} {
		p := good
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; %q was expected in it", err, want)
		}
	}
}
