package sfu

import (
	"cmp"
	"slices"
	"time"
)

const (
	// speakingHold is how long somebody counts as speaking after the last
	// loud moment, to bridge the pauses between words.
	speakingHold = 800 * time.Millisecond
	// speakersInterval is how often levels are looked at.
	speakersInterval = 200 * time.Millisecond
	// speakersSmoothing is over how long loudness is compared: nobody comes
	// first by a cough.
	speakersSmoothing = 390 * time.Millisecond
	// maxSpeakers is how many are named at once.
	maxSpeakers = 5
)

// speakers tells who speaks from audio levels. It is pure: time and levels
// come in, the list goes out. It is not safe for concurrent use.
type speakers struct {
	peers map[string]*speaker
	told  []string
}

// speaker is what is known of one peer.
type speaker struct {
	loudness loudness
	until    time.Time
}

// update takes the level of each peer with audio since the last update, in
// -dBov, and returns who speaks, loudest first, and whether that changed. The
// first in the list keeps its place until another is clearly louder.
func (s *speakers) update(now time.Time, levels map[string]uint8) (list []string, changed bool) {
	if s.peers == nil {
		s.peers = map[string]*speaker{}
	}
	for peer := range s.peers {
		if _, here := levels[peer]; !here {
			delete(s.peers, peer)
		}
	}
	for peer, level := range levels {
		one := s.peers[peer]
		if one == nil {
			one = &speaker{}
			s.peers[peer] = one
		}
		one.loudness.hear(now, level, speakersSmoothing, speakersSmoothing)
		if one.loudness.speaks() {
			one.until = now.Add(speakingHold)
		}
		if now.Before(one.until) {
			list = append(list, peer)
		}
	}
	const clearly = 6 // dB
	first := ""
	if len(s.told) > 0 {
		first = s.told[0]
	}
	rank := func(peer string) float64 {
		loudness := s.peers[peer].loudness.smooth
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
