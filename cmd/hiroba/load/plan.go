package load

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Plan is the load: who comes, what they send, and for how long.
type Plan struct {
	URL   string `json:"url"` // of the server, as "http://host:port"
	Token string `json:"-"`   // an access token for all rooms; "" for none

	Rooms       int `json:"rooms"`
	Publishers  int `json:"publishers"`  // in each room; they receive nothing
	Subscribers int `json:"subscribers"` // in each room; they receive everything

	Video     Video   `json:"video"`     // of each publisher; the zero value for none
	Simulcast bool    `json:"simulcast"` // in three sizes
	Even      bool    `json:"even"`      // packets evenly spaced, in the place of frames
	Steady    bool    `json:"steady"`    // all frames of one size
	Idle      bool    `json:"idle"`      // publishers fall silent before it is measured
	Audio     bool    `json:"audio"`     // of each publisher
	Data      Data    `json:"data"`      // of each publisher; the zero value for none
	Loss      float64 `json:"loss"`      // the share of packets that subscribers pretend to lose

	Duration time.Duration `json:"-"`     // measured, once all are in
	Ramp     float64       `json:"ramp"`  // joins a second at most; 0 for no bound
	Churn    float64       `json:"churn"` // subscribers that are replaced a second
	Open     int           `json:"open"`  // every how many packets a subscriber opens one
	Seed     uint64        `json:"seed"`  // of all that is random
}

// Video is what a camera sends.
type Video struct {
	Codec   string  // vp8, vp9 or h264
	Bitrate float64 // bits a second, of the largest size
	FPS     float64 // frames a second
}

// UnmarshalText reads "codec:bitrate:fps", such as "vp8:1.5M:30"; "none" is the
// zero value.
func (v *Video) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		*v = Video{}
		return nil
	}
	fail := fmt.Errorf("%q is no video: codec:bitrate:fps was expected, such as vp8:1.5M:30, or none", text)
	parts := strings.Split(string(text), ":")
	if len(parts) != 3 {
		return fail
	}
	bitrate, err := parseRate(parts[1])
	if err != nil {
		return fail
	}
	fps, err := strconv.ParseFloat(parts[2], 64)
	if err != nil {
		return fail
	}
	*v = Video{Codec: strings.ToLower(parts[0]), Bitrate: bitrate, FPS: fps}
	return nil
}

// String is the form that UnmarshalText reads.
func (v Video) String() string {
	if v == (Video{}) {
		return "none"
	}
	return v.Codec + ":" + strconv.FormatFloat(v.Bitrate/1000, 'f', -1, 64) + "k:" + strconv.FormatFloat(v.FPS, 'f', -1, 64)
}

// MarshalText is String.
func (v Video) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// parseRate reads bits a second, with k or M for thousands and millions.
func parseRate(text string) (float64, error) {
	unit := 1.0
	switch {
	case strings.HasSuffix(text, "k"):
		unit = 1e3
	case strings.HasSuffix(text, "M"):
		unit = 1e6
	}
	n, err := strconv.ParseFloat(strings.TrimRight(text, "kM"), 64)
	return n * unit, err
}

// Data is what goes over the reliable DataChannel.
type Data struct {
	Rate float64 // messages a second
	Size int     // bytes of each one's payload
}

// MarshalText is the form that UnmarshalText reads.
func (d Data) MarshalText() ([]byte, error) {
	if d == (Data{}) {
		return []byte("none"), nil
	}
	return fmt.Appendf(nil, "%g:%d", d.Rate, d.Size), nil
}

// UnmarshalText reads "rate:size", such as "10:200"; "none" is the zero value.
func (d *Data) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		*d = Data{}
		return nil
	}
	rate, size, ok := strings.Cut(string(text), ":")
	r, err := strconv.ParseFloat(rate, 64)
	n, err2 := strconv.Atoi(size)
	if !ok || err != nil || err2 != nil {
		return fmt.Errorf("%q is no data: messages a second and their bytes were expected, such as 10:200", text)
	}
	*d = Data{r, n}
	return nil
}

const (
	// maxDataSize leaves room for the frame around it.
	maxDataSize = 60 << 10
	// maxPeers is more than one process has ports for.
	maxPeers = 50_000
)

// Check says what of a plan cannot be.
func (p *Plan) Check() error {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is no address of a server; http://host:port or https://host was expected", p.URL)
	}
	switch {
	case p.Rooms < 1 || p.Publishers < 1 || p.Subscribers < 0:
		return fmt.Errorf("--rooms %d --publishers %d --subscribers %d: at least one room and one publisher in it are needed", p.Rooms, p.Publishers, p.Subscribers)
	case p.Rooms > maxPeers || p.Publishers > maxPeers || p.Subscribers > maxPeers || p.Rooms*(p.Publishers+p.Subscribers) > maxPeers:
		return fmt.Errorf("these are more than the %d clients that one machine has ports for; start several on different machines", maxPeers)
	case p.Video == Video{} && !p.Audio && p.Data == Data{}:
		return errors.New("nothing would be sent: give --video, --audio or --data")
	case p.Duration <= 0:
		return fmt.Errorf("--duration is %v; more than 0 was expected", p.Duration)
	case p.Loss < 0 || p.Loss > 0.9:
		return fmt.Errorf("--loss is %g %%; 0 to 90 was expected", 100*p.Loss)
	case p.Ramp < 0 || p.Churn < 0:
		return errors.New("--ramp and --churn are numbers a second, 0 or more")
	case p.Open < 1:
		return errors.New("--open is n, for every n-th packet, or all")
	case p.Idle && p.Churn > 0:
		return errors.New("--idle and --churn: who joins a silent call waits for a first frame that does not come; leave one out")
	case p.Simulcast && p.Video == Video{}:
		return errors.New("--simulcast needs --video")
	}
	if p.Video != (Video{}) {
		if codecs[p.Video.Codec].describe == nil {
			return fmt.Errorf("--video has the codec %q; vp8, vp9 and h264 can be sent", p.Video.Codec)
		}
		if p.Video.FPS < 1 || p.Video.FPS > 240 || p.Video.Bitrate < 10e3 || p.Video.Bitrate > 200e6 {
			return fmt.Errorf("--video is %v; 1 to 240 frames a second and 10k to 200M bits a second were expected", p.Video)
		}
	}
	if p.Data != (Data{}) && (p.Data.Rate <= 0 || p.Data.Rate > 10_000 || p.Data.Size < stampBytes || p.Data.Size > maxDataSize) {
		return fmt.Errorf("--data is %g:%d; up to 10000 messages a second of %d to %d bytes were expected", p.Data.Rate, p.Data.Size, stampBytes, maxDataSize)
	}
	return nil
}
