package sfu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// voicesStart is when all tests of voices begin.
var voicesStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// frameTime is how much of a track one packet has.
const frameTime = 20 * time.Millisecond

// person is somebody with a microphone, as the levels of the packets it sends:
// one each 20 ms.
type person struct {
	random *rand.Rand
	voice  int // -dBov, of a syllable
	levels []uint8
	turns  []turn
	gone   map[int]bool // packets that were not sent
	muted  bool
}

// turn is when somebody says something, in packets. The word begins with a
// consonant of two packets that is hardly louder than the room.
type turn struct{ from, to int }

const consonant = 2

// newPerson is in a room with noise, for some time.
func newPerson(random *rand.Rand, noise, voice int, total time.Duration) *person {
	p := &person{random: random, voice: voice, levels: make([]uint8, total/frameTime), gone: map[int]bool{}}
	for i := range p.levels {
		p.levels[i] = p.around(noise, 3)
	}
	return p
}

// around is a level near another.
func (p *person) around(level, by int) uint8 {
	return uint8(min(max(level+p.random.IntN(2*by+1)-by, 0), silence))
}

// between is a random number of packets for a duration.
func (p *person) between(least, most time.Duration) int {
	return int((least + time.Duration(p.random.Int64N(int64(most-least)))) / frameTime)
}

// sounds makes the packets from a number on louder.
func (p *person) sounds(from, count, level, by int) int {
	for i := from; i < min(from+count, len(p.levels)); i++ {
		p.levels[i] = min(p.levels[i], p.around(level, by))
	}
	return from + count
}

// says has syllables, the pauses between them, and those between phrases.
func (p *person) says(at, length time.Duration) {
	from := int(at / frameTime)
	to := min(from+int(length/frameTime), len(p.levels))
	p.turns = append(p.turns, turn{from: from, to: to})
	i := p.sounds(from, consonant, 53, 1)
	for phrase := 0; i < to; phrase++ {
		for range 4 + p.random.IntN(8) {
			i = p.sounds(i, p.between(120*time.Millisecond, 280*time.Millisecond), p.voice, 4)
			i += p.between(20*time.Millisecond, 100*time.Millisecond)
		}
		i += p.between(200*time.Millisecond, 600*time.Millisecond)
	}
}

func (p *person) coughs(at time.Duration) { p.sounds(int(at/frameTime), 12, 18, 3) }
func (p *person) knocks(at time.Duration) { p.sounds(int(at/frameTime), 3, 25, 3) }

// meeting plays people to a choice of voices.
type meeting struct {
	t      *testing.T
	people []*person
	voices *voices
	// entries is how often somebody came to be heard by all; late how long
	// after its first loud packet each turn was.
	entries int
	late    []time.Duration
	lost    int // turns whose first syllable was
	each    func(now time.Time, heard []string)
}

func newMeeting(t *testing.T, people ...*person) *meeting {
	return &meeting{t: t, people: people, voices: newVoices(voicesMost)}
}

// names are those of the tracks.
var names = func() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprintf("track-%03d", i))
	}
	return names
}()

func (m *meeting) play() {
	m.t.Helper()
	total := time.Duration(len(m.people[0].levels)) * frameTime
	var before []string
	begin := 0
	waiting := make([]*turn, len(m.people)) // turns that are not heard yet
	for at := voicesInterval; at <= total; at += voicesInterval {
		now := voicesStart.Add(at)
		end := int(at / frameTime) // of what has arrived
		var sounds []sound
		for i, p := range m.people {
			s := sound{track: names[i], level: silence, muted: p.muted}
			for k := begin; k < end; k++ {
				if !p.gone[k] {
					s.level, s.arrived = min(s.level, p.levels[k]), true
				}
			}
			for n := range p.turns {
				if onset := p.turns[n].from + consonant; onset >= begin && onset < end {
					waiting[i] = &p.turns[n]
				}
			}
			sounds = append(sounds, s)
		}
		chosen, changed := m.voices.update(now, sounds)
		begin = end
		if changed == slices.Equal(chosen, before) {
			m.t.Fatalf("at %v: %v became %v, changed %v", now.Sub(voicesStart), before, chosen, changed)
		}
		heard := chosen[:min(voicesMost, len(chosen))]
		for i, p := range m.people {
			entered := slices.Contains(heard, names[i]) && (len(before) == 0 || !slices.Contains(before[:min(voicesMost, len(before))], names[i]))
			if entered && len(before) > 0 {
				m.entries++
			}
			of := waiting[i]
			switch {
			case of == nil:
			case slices.Contains(heard, names[i]):
				waiting[i] = nil
				if !entered {
					m.late = append(m.late, 0)
					break
				}
				m.late = append(m.late, at-time.Duration(of.from+consonant)*frameTime)
				if first := p.lookBack(m.voices, names[i], now, end); first > of.from {
					m.lost++
				}
			case end > of.to:
				waiting[i] = nil
				m.late = append(m.late, time.Hour) // never
			}
		}
		before = slices.Clone(chosen)
		if m.each != nil {
			m.each(now, heard)
		}
	}
}

// lookBack is the number of the packet from which a newcomer is forwarded.
func (p *person) lookBack(v *voices, track string, now time.Time, end int) int {
	var recent []recentPacket
	first := max(0, end-64)
	for i := first; i < end; i++ {
		recent = append(recent, recentPacket{
			timestamp: 1<<32 - 960*100 + uint32(i)*960, level: p.levels[i], arrived: voicesStart.Add(time.Duration(i+1) * frameTime),
		})
	}
	return first + v.lookBack(track, 48000).from(now, recent)
}

// perMinute is how often somebody came to be heard by all.
func (m *meeting) perMinute() float64 {
	return float64(m.entries) / (time.Duration(len(m.people[0].levels)) * frameTime).Minutes()
}

func (m *meeting) latest() time.Duration {
	if len(m.late) == 0 {
		return 0
	}
	return slices.Max(m.late)
}

// Three of twenty talk, with others in their words now and then, while the rest
// have noise, cough and knock.
func TestVoicesOfAMeeting(t *testing.T) {
	const total = 3 * time.Minute
	late, turns, entries, lost := time.Duration(0), 0, 0.0, 0
	const seeds = 2
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 2))
		var people []*person
		for range 20 {
			people = append(people, newPerson(random, 54+random.IntN(14), 20+random.IntN(14), total))
		}
		for at := 2 * time.Second; at < total-10*time.Second; {
			length := time.Second + time.Duration(random.Int64N(int64(7*time.Second)))
			who := random.IntN(3)
			people[17+who].says(at, length)
			if random.IntN(4) == 0 { // in the other's words
				people[17+(who+1)%3].says(at+length/2, time.Second)
			}
			at += length + time.Duration(random.Int64N(int64(1500*time.Millisecond)))
		}
		for at := time.Second; at < total; at += time.Duration(random.Int64N(int64(20 * time.Second))) {
			people[random.IntN(17)].coughs(at)
		}
		for at := time.Second; at < total; at += time.Duration(random.Int64N(int64(2 * time.Second))) {
			people[random.IntN(20)].knocks(at)
		}
		m := newMeeting(t, people...)
		m.play()
		late, turns, entries, lost = max(late, m.latest()), turns+len(m.late), entries+m.perMinute()/seeds, lost+m.lost
	}
	t.Logf("%d turns, heard after %v at the latest, %.1f newcomers a minute", turns, late, entries)
	if late > 300*time.Millisecond {
		t.Errorf("somebody was heard only after %v", late)
	}
	if lost > 0 {
		t.Errorf("of %d turns the first syllable of %d was lost", turns, lost)
	}
	// A cough each 10 s, and each of the three once in a while.
	if entries > 8 {
		t.Errorf("%.1f newcomers a minute", entries)
	}
}

// Each of twenty says a few words in turn: all that they say is heard, though
// most of them have to be let in for it.
func TestNoFirstSyllableIsLost(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 2))
	const total = 4 * time.Minute
	var people []*person
	for range 20 {
		people = append(people, newPerson(random, 54+random.IntN(14), 20+random.IntN(14), total))
	}
	for at, i := 2*time.Second, 0; at < total-4*time.Second; at, i = at+3*time.Second, i+1 {
		people[i*7%20].says(at+time.Duration(random.IntN(50))*time.Millisecond, 2*time.Second)
	}
	m := newMeeting(t, people...)
	m.play()
	t.Logf("%d turns, %d of newcomers, heard after %v at the latest", len(m.late), m.entries, m.latest())
	if m.entries < 70 || m.entries > len(m.late) {
		t.Errorf("%d newcomers in %d turns", m.entries, len(m.late))
	}
	if m.lost > 0 || m.latest() > 300*time.Millisecond {
		t.Errorf("%d first syllables were lost; somebody was heard only after %v", m.lost, m.latest())
	}
}

// Noise takes nobody's place, whether it goes up and down or on and on.
func TestNoiseChangesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const total = 2 * time.Minute
	var people []*person
	for i := range 20 {
		p := newPerson(random, 52+i, 25, total)
		for at := time.Second; at < total; at += time.Duration(random.Int64N(int64(time.Second))) {
			p.knocks(at)
		}
		people = append(people, p)
	}
	m := newMeeting(t, people...)
	m.play()
	if m.entries != 0 {
		t.Fatalf("noise got somebody a place %d times", m.entries)
	}
}

// A fan is not taken for speech for longer than it takes to know it, but who
// speaks over it is.
func TestAFanIsNoSpeech(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const total = 2 * time.Minute
	var people []*person
	for i := range 20 {
		noise := 60
		if i >= 10 {
			noise = 45
		}
		people = append(people, newPerson(random, noise, 24, total))
	}
	people[19].says(time.Minute, 3*time.Second)
	m := newMeeting(t, people...)
	settled := 0
	m.each = func(now time.Time, _ []string) {
		if now.Sub(voicesStart) == 20*time.Second {
			settled = m.entries
		}
	}
	m.play()
	if m.entries != settled+1 && m.entries != settled || m.latest() > 300*time.Millisecond || m.lost > 0 {
		t.Fatalf("%d newcomers, then %d more; heard after %v", settled, m.entries-settled, m.latest())
	}
}

// Ten talk at once, and all the time: places do not change by every syllable,
// and who is much louder is heard before long.
func TestTheLoudestOfACrowd(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const total = 3 * time.Minute
	var people []*person
	for i := range 10 {
		voice := 30
		if i == 9 {
			voice = 16
		}
		p := newPerson(random, 62, voice, total)
		at := time.Second
		if i == 9 {
			at = time.Minute
		}
		p.says(at, total)
		people = append(people, p)
	}
	m := newMeeting(t, people...)
	var after time.Duration
	m.each = func(now time.Time, heard []string) {
		if passed := now.Sub(voicesStart) - time.Minute; after == 0 && passed > 0 && slices.Contains(heard, names[9]) {
			after = passed
		}
	}
	m.play()
	t.Logf("%.1f newcomers a minute; the loudest after %v", m.perMinute(), after)
	if m.perMinute() > 10 {
		t.Errorf("%.1f newcomers a minute", m.perMinute())
	}
	if after == 0 || after > 4*time.Second {
		t.Errorf("the loudest was heard after %v", after)
	}
	if !slices.Contains(m.last(), names[9]) {
		t.Error("the loudest lost its place")
	}
}

// last is who is chosen now.
func (m *meeting) last() (tracks []string) {
	for _, one := range m.voices.places {
		tracks = append(tracks, one.track)
	}
	return tracks
}

// As many as there are places, each has one, whoever speaks.
func TestEverybodyHasAPlace(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const total = time.Minute
	for count := range voicesMost + 1 {
		var people []*person
		for i := range count {
			p := newPerson(random, 60, 25, total)
			p.says(time.Duration(i)*5*time.Second, 4*time.Second)
			p.muted = i%2 == 1
			people = append(people, p)
		}
		if count == 0 {
			if chosen, changed := newVoices(voicesMost).update(voicesStart, nil); changed || len(chosen) != 0 {
				t.Error("of nobody somebody was chosen")
			}
			continue
		}
		m := newMeeting(t, people...)
		m.play()
		if len(m.last()) != count || m.entries != 0 {
			t.Errorf("%d people: %v have places, which changed %d times", count, m.last(), m.entries)
		}
	}
}

// scene is what each of some tracks does for a while.
type scene struct {
	lasts  time.Duration
	sounds []sound
}

// play goes through scenes and returns who is chosen at the end.
func play(v *voices, now *time.Time, scenes ...scene) []string {
	var chosen []string
	for _, s := range scenes {
		for range s.lasts / voicesInterval {
			*now = now.Add(voicesInterval)
			chosen, _ = v.update(*now, s.sounds)
		}
	}
	return chosen
}

func TestWhoLosesAPlace(t *testing.T) {
	quiet := func(track string) sound { return sound{track: track, level: 70, arrived: true} }
	speaks := func(track string) sound { return sound{track: track, level: 25, arrived: true} }
	dtx := func(track string) sound { return sound{track: track, level: silence} }
	mute := func(track string) sound { return sound{track: track, level: 10, arrived: true, muted: true} }
	all := func(s ...sound) []sound { return s }
	const long = 5 * time.Second
	calm := scene{time.Second, all(quiet("a"), quiet("b"), quiet("c"), quiet("d"), quiet("e"))}
	for _, tc := range []struct {
		name   string
		scenes []scene
		want   []string // two that all hear, and the last
	}{
		{"nobody speaks: the first ones", []scene{calm}, []string{"a", "b", "c"}},
		{"a newcomer comes in the place of who has not spoken", []scene{
			calm, {long, all(speaks("a"), quiet("b"), quiet("c"), quiet("d"), quiet("e"))},
			{time.Second, all(quiet("a"), quiet("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"a", "e", "b"}},
		{"of who has the last place", []scene{
			calm, {time.Second, all(quiet("a"), quiet("b"), speaks("c"), quiet("d"), quiet("e"))},
		}, []string{"a", "c", "b"}},
		{"who is muted goes first, whatever it said", []scene{
			calm, {long, all(quiet("a"), speaks("b"), quiet("c"), quiet("d"), quiet("e"))},
			{time.Second, all(quiet("a"), mute("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"a", "e", "c"}},
		{"then who sends nothing", []scene{
			calm, {long, all(quiet("a"), speaks("b"), quiet("c"), quiet("d"), quiet("e"))},
			{2 * time.Second, all(quiet("a"), dtx("b"), quiet("c"), quiet("d"), quiet("e"))},
			{time.Second, all(quiet("a"), dtx("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"a", "e", "c"}},
		{"a pause between two words is not silence", []scene{
			calm, {long, all(quiet("a"), speaks("b"), quiet("c"), quiet("d"), quiet("e"))},
			{700 * time.Millisecond, all(quiet("a"), dtx("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"e", "b", "a"}},
		{"who is muted keeps a place that nobody wants", []scene{
			calm, {long, all(mute("a"), mute("b"), mute("c"), quiet("d"), dtx("e"))},
		}, []string{"a", "b", "c"}},
		{"who is muted takes none, however loud", []scene{
			calm, {long, all(quiet("a"), quiet("b"), quiet("c"), mute("d"), mute("e"))},
		}, []string{"a", "b", "c"}},
		{"those who speak keep their places from one who is as loud", []scene{
			calm, {long, all(speaks("a"), speaks("b"), speaks("c"), quiet("d"), quiet("e"))},
			{long, all(speaks("a"), speaks("b"), speaks("c"), speaks("d"), quiet("e"))},
		}, []string{"a", "b", "c"}},
		{"but the last place is free for another", []scene{
			calm, {long, all(speaks("a"), speaks("b"), quiet("c"), quiet("d"), quiet("e"))},
			{time.Second, all(speaks("a"), speaks("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"a", "b", "e"}},
		{"who rests between two sentences is not waited for", []scene{
			calm, {long, all(speaks("a"), speaks("b"), quiet("c"), quiet("d"), quiet("e"))},
			{1800 * time.Millisecond, all(speaks("a"), quiet("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"a", "e", "b"}},
		{"but for a moment", []scene{
			calm, {long, all(speaks("a"), speaks("b"), quiet("c"), quiet("d"), quiet("e"))},
			{900 * time.Millisecond, all(speaks("a"), quiet("b"), quiet("c"), quiet("d"), speaks("e"))},
		}, []string{"a", "b", "e"}},
		{"who leaves makes room", []scene{
			calm, {time.Second, all(quiet("b"), quiet("c"), quiet("d"), quiet("e"))},
		}, []string{"b", "c", "d"}},
		{"for who spoke last", []scene{
			calm, {long, all(speaks("a"), speaks("b"), speaks("c"), quiet("d"), speaks("e"))},
			{time.Second, all(quiet("b"), quiet("c"), quiet("d"), quiet("e"))},
		}, []string{"b", "c", "e"}},
		{"not for who is muted", []scene{
			calm, {time.Second, all(quiet("b"), quiet("c"), mute("d"), quiet("e"))},
		}, []string{"b", "c", "e"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := voicesStart
			if chosen := play(newVoices(2), &now, tc.scenes...); !slices.Equal(chosen, tc.want) {
				t.Errorf("%v are chosen, want %v", chosen, tc.want)
			}
		})
	}
}

// The work grows with the tracks, not with what they do.
func BenchmarkVoices(b *testing.B) {
	for _, count := range []int{20, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var sounds []sound
			for i := range count {
				sounds = append(sounds, sound{track: names[i], level: uint8(20 + i%60), arrived: true})
			}
			v, now := newVoices(voicesMost), voicesStart
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(voicesInterval)
				v.update(now, sounds)
			}
		})
	}
}
