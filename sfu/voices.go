package sfu

import (
	"cmp"
	"slices"
	"time"
)

const (
	// voicesInterval is how often levels should be looked at.
	voicesInterval = 50 * time.Millisecond
	// voicesMost is how many voices are heard at once unless told.
	voicesMost = 6
	// voiceRise lets a syllable show within 100 ms; voiceFall lets a pause
	// between two words hardly show: those who speak are compared by how
	// loud they are when they do.
	voiceRise = 35 * time.Millisecond
	voiceFall = 4 * time.Second
	// silentAfter is for how long nothing comes of a track that sends only
	// while there is sound (DTX), but for the packet every 400 ms that keeps
	// it up.
	silentAfter = 400 * time.Millisecond
	// clearlyLouder is by how many dB a newcomer is louder than somebody who
	// speaks, too.
	clearlyLouder = 6
)

// standing is how good a track's claim to its place is.
type standing int

const (
	voiceSpeaking standing = iota // or between two words
	voiceResting                  // between two sentences
	voiceIdle                     // has not spoken for a while
	voiceSilent                   // sends nothing
	voiceMuted
)

const (
	// restingAfter and idleAfter are for how long somebody has not spoken.
	restingAfter = time.Second
	idleAfter    = 3 * time.Second
)

// patience is for how long a newcomer has to speak before it takes the place
// of somebody of a standing: long enough that no click or knock does, short
// enough that, with the look-back, nothing of what it says is lost.
var patience = [...]time.Duration{
	voiceSpeaking: 2 * time.Second,
	voiceResting:  300 * time.Millisecond,
	voiceIdle:     150 * time.Millisecond,
	voiceSilent:   150 * time.Millisecond,
	voiceMuted:    150 * time.Millisecond,
}

// sound is what came of one audio track since the last look.
type sound struct {
	track string
	// level is the loudest, in -dBov; silence if nothing came.
	level   uint8
	arrived bool // any packet
	muted   bool
}

// voices chooses whose voices a room hears when there are more audio tracks
// than places: those who speak, and then those who spoke last. It is pure:
// time and sounds come in, the choice goes out. It is not safe for concurrent
// use.
//
// One more is chosen than is heard, because nobody hears themselves: who is
// among the chosen leaves out the own track, everybody else the last one. So
// the last place is worth less than the others, which are worth the same.
type voices struct {
	most   int // how many are heard at once
	known  map[string]*voice
	places []*voice
	// talking is who spoke just now; nobody else gets a place from another.
	talking []*voice
	now     time.Time
	round   uint64 // counts updates
}

// voice is what is known of one track.
type voice struct {
	track    string
	loudness loudness
	spoke    time.Time // last
	arrived  time.Time // the last packet
	standing standing
	speaks   bool // now
	order    int  // in the list of sounds
	round    uint64
	// ahead is for how long it has spoken, less what it paused, while it had
	// the better claim than the weakest of those who are heard by all, and than
	// who has the last place.
	ahead [2]time.Duration
}

// newVoices makes a choice of as many voices as are heard at once, at least one.
func newVoices(most int) *voices {
	return &voices{most: most, known: map[string]*voice{}}
}

// update takes what came of each track, muted ones too, each once and in the
// order in which empty places are filled. It returns the chosen ones, at most
// one more than are heard at once, and whether that changed. Who keeps its place
// stays at it in the list, but for the last one. Nobody loses a place but to
// somebody who speaks.
func (v *voices) update(now time.Time, sounds []sound) (chosen []string, changed bool) {
	passed := min(max(now.Sub(v.now), 0), silentAfter)
	v.now = now
	v.round++
	v.talking = v.talking[:0]
	for i, s := range sounds {
		one := v.known[s.track]
		if one == nil {
			one = &voice{track: s.track, arrived: now}
			v.known[s.track] = one
		}
		one.order, one.round = i, v.round
		one.hear(now, s)
		if one.standing == voiceSpeaking {
			v.talking = append(v.talking, one)
		} else {
			one.ahead = [2]time.Duration{}
		}
	}
	for track, one := range v.known {
		if one.round != v.round {
			delete(v.known, track)
		}
	}
	before := len(v.places)
	v.places = slices.DeleteFunc(v.places, func(one *voice) bool { return one.round != v.round })
	changed = len(v.places) != before

	changed = v.fill() || changed
	changed = v.contend(passed) || changed
	chosen = make([]string, len(v.places))
	for i, one := range v.places {
		chosen[i] = one.track
	}
	return chosen, changed
}

// hear takes what came of the track.
func (o *voice) hear(now time.Time, s sound) {
	level := s.level
	if s.muted {
		level = silence
	}
	o.loudness.hear(now, level, voiceRise, voiceFall)
	if s.arrived {
		o.arrived = now
	}
	o.speaks = !s.muted && o.loudness.speaks()
	if o.speaks {
		o.spoke = now
	}
	rested := now.Sub(o.spoke)
	switch {
	case s.muted:
		o.standing = voiceMuted
	case rested < restingAfter:
		o.standing = voiceSpeaking
	case now.Sub(o.arrived) > silentAfter:
		o.standing = voiceSilent
	case rested < idleAfter:
		o.standing = voiceResting
	default:
		o.standing = voiceIdle
	}
}

// fill gives empty places to those with the best claim.
func (v *voices) fill() (changed bool) {
	for len(v.places) <= v.most && len(v.places) < len(v.known) {
		var best *voice
		for _, one := range v.known {
			if !slices.Contains(v.places, one) && (best == nil || weaker(best, one) > 0) {
				best = one
			}
		}
		v.places = append(v.places, best)
		changed = true
	}
	return changed
}

// weaker orders by claims, the best first: who speaks by loudness, others by
// who spoke last.
func weaker(a, b *voice) int {
	if c := cmp.Compare(a.standing, b.standing); c != 0 {
		return c
	}
	if a.standing == voiceSpeaking {
		return cmp.Or(cmp.Compare(b.loudness.smooth, a.loudness.smooth), cmp.Compare(a.order, b.order))
	}
	return cmp.Or(b.spoke.Compare(a.spoke), cmp.Compare(a.order, b.order))
}

// contend lets those who speak take places from those who do not.
func (v *voices) contend(passed time.Duration) (changed bool) {
	if len(v.places) <= v.most {
		return false // everybody is heard by all
	}
	weakest, last := v.weakest(), v.places[v.most]
	for _, one := range v.talking {
		at := slices.Index(v.places, one)
		one.count(0, passed, at < 0 || at == v.most, weakest)
		one.count(1, passed, at < 0, last)
	}
	slices.SortFunc(v.talking, weaker)
	for _, one := range v.talking {
		changed = v.place(one) || changed
	}
	return changed
}

// weakest is who has the weakest claim to a place that is heard by all.
func (v *voices) weakest() *voice { return slices.MaxFunc(v.places[:v.most], weaker) }

// count adds to how long the voice is ahead of somebody, if it wants to be.
func (o *voice) count(which int, passed time.Duration, wants bool, of *voice) {
	ahead := &o.ahead[which]
	switch {
	case !wants:
		*ahead = 0
	case o.speaks && (of.standing != voiceSpeaking || o.loudness.smooth >= of.loudness.smooth+clearlyLouder):
		*ahead = min(*ahead+passed, patience[voiceSpeaking])
	default:
		*ahead = max(*ahead-passed/2, 0)
	}
}

// place gives a voice that is ahead the place that it is due, if any.
func (v *voices) place(one *voice) (changed bool) {
	weakest, last := v.weakest(), v.places[v.most]
	switch {
	case !one.speaks:
		return false
	case one.ahead[0] >= patience[weakest.standing]:
		v.places[slices.Index(v.places, weakest)] = one
		if one == last || weaker(last, weakest) > 0 {
			v.places[v.most] = weakest
		}
	case one != last && one.ahead[1] >= patience[last.standing]:
		v.places[v.most] = one
	default:
		return false
	}
	one.ahead = [2]time.Duration{}
	return true
}

// lookBack says how to look back in a track, whose timestamps have a rate in Hz.
func (v *voices) lookBack(track string, rate uint32) lookBack {
	l := lookBack{rate: rate, speech: speakingLevel}
	if one := v.known[track]; one != nil {
		l.speech = uint8(silence - one.loudness.speech())
	}
	return l
}
