package sfu

import (
	"cmp"
	"slices"
	"time"
)

const (
	// speakingLevel is the level from which somebody is taken to speak, in
	// -dBov: louder than a quiet room, quieter than a low voice.
	speakingLevel = 50
	// speakingHold is how long somebody counts as speaking after the last
	// loud moment, to bridge the pauses between words.
	speakingHold = 800 * time.Millisecond
	// speakersInterval is how often levels are looked at.
	speakersInterval = 200 * time.Millisecond
	// maxSpeakers is how many are named at once.
	maxSpeakers = 5
)

// speakers tells who speaks from audio levels. It is pure: time and levels
// come in, the list goes out. It is not safe for concurrent use.
type speakers struct {
	voices map[string]*voice
	told   []string
}

// voice is what is known of one peer.
type voice struct {
	loudness float64 // smoothed, in dB above silence
	until    time.Time
}

// update takes the level of each peer with audio since the last update, in
// -dBov, and returns who speaks, loudest first, and whether that changed. The
// first in the list keeps its place until another is clearly louder.
func (s *speakers) update(now time.Time, levels map[string]uint8) (list []string, changed bool) {
	if s.voices == nil {
		s.voices = map[string]*voice{}
	}
	for peer := range s.voices {
		if _, here := levels[peer]; !here {
			delete(s.voices, peer)
		}
	}
	for peer, level := range levels {
		v := s.voices[peer]
		if v == nil {
			v = &voice{}
			s.voices[peer] = v
		}
		v.loudness += (float64(silence-min(level, silence)) - v.loudness) * 0.4
		if level < speakingLevel {
			v.until = now.Add(speakingHold)
		}
		if now.Before(v.until) {
			list = append(list, peer)
		}
	}
	const clearly = 6 // dB
	first := ""
	if len(s.told) > 0 {
		first = s.told[0]
	}
	rank := func(peer string) float64 {
		loudness := s.voices[peer].loudness
		if peer == first {
			loudness += clearly
		}
		return loudness
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a, b))
	})
	list = list[:min(len(list), maxSpeakers)]

	// The order behind the first is of no interest.
	same := len(list) == len(s.told) && (len(list) == 0 || list[0] == s.told[0])
	for _, peer := range list {
		same = same && slices.Contains(s.told, peer)
	}
	if same {
		return s.told, false
	}
	s.told = list
	return list, true
}
