package ice

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// checkOf builds a check with the setters between USERNAME and
// MESSAGE-INTEGRITY.
func checkOf(t testing.TB, username, password string, setters ...stun.Setter) []byte {
	t.Helper()
	all := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(username)}
	all = append(all, setters...)
	all = append(all, stun.NewShortTermIntegrity(password), stun.Fingerprint)
	m, err := stun.Build(all...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// attribute is a Setter of one attribute.
func attribute(kind stun.AttrType, value ...byte) stun.Setter {
	return stun.RawAttribute{Type: kind, Value: value}
}

var (
	nominating = attribute(stun.AttrUseCandidate)
	controlled = attribute(stun.AttrICEControlled, 1, 2, 3, 4, 5, 6, 7, 8)
	controls   = attribute(stun.AttrICEControlling, 1, 2, 3, 4, 5, 6, 7, 8)
)

// mustRead reads a check that is one.
func mustRead(t testing.TB, b []byte) *check {
	t.Helper()
	c, _, ok := readCheck(b, new(stun.Message))
	if !ok {
		t.Fatalf("%x was not read", b)
	}
	return &c
}

// placed is the n-th path of a client.
func placed(n int) path {
	return path{remote: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1000+n))}
}

// script drives an agent.
type script struct {
	t     *testing.T
	agent agent
	now   time.Time
}

func newScript(t *testing.T) *script {
	s := &script{t: t, now: time.Now()}
	s.agent.current.ours = credentials{"us0", "secret0"}
	s.agent.meet(credentials{"them0", "x"})
	return s
}

// restart is the n-th ICE restart.
func (s *script) restart(n int) (expired string) {
	theirs := credentials{fmt.Sprint("them", n), "x"}
	if !s.agent.meet(theirs) {
		s.t.Fatal("other credentials are no restart")
	}
	return s.agent.restart(credentials{fmt.Sprint("us", n), fmt.Sprint("secret", n)}, theirs)
}

// check receives a check that was made after the n-th restart.
func (s *script) check(n, place int, setters ...stun.Setter) verdict {
	s.t.Helper()
	b := checkOf(s.t, fmt.Sprintf("us%d:them%d", n, n), fmt.Sprint("secret", n), setters...)
	return s.agent.receive(s.now, mustRead(s.t, b), placed(place))
}

// carries holds that a place is selected, or none for -1, and what the last
// verdict said of it.
func (s *script) carries(v verdict, place int, changed bool) {
	s.t.Helper()
	switch at := s.agent.selected; {
	case at == nil && place >= 0:
		s.t.Fatalf("nothing is selected, want %d", place)
	case at != nil && place < 0:
		s.t.Fatalf("%v is selected, want nothing", at.remote)
	case at != nil && at.path != placed(place):
		s.t.Fatalf("%v is selected, want %d", at.remote, place)
	}
	if v.selected != changed {
		s.t.Fatalf("the verdict says changed: %v", v.selected)
	}
}

func TestACheckIsJudged(t *testing.T) {
	const us, secret = "us0:them0", "secret0"
	behind := func(setter stun.Setter) []byte { // the integrity, where nothing counts
		m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(us), stun.NewShortTermIntegrity(secret), setter, stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	bare, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(us))
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewShortTermIntegrity(secret))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		check    []byte
		want     result
		selected bool
	}{
		{"a plain one", checkOf(t, us, secret, controls), answered, true},
		{"one that nominates", checkOf(t, us, secret, controls, nominating), answered, true},
		{"one of an old agent", checkOf(t, us, secret), answered, true},
		{"what we may ignore", checkOf(t, us, secret, attribute(0xC057, 1, 2, 3)), answered, true},
		{"no integrity", bare.Raw, unsigned, false},
		{"no name", nameless.Raw, unsigned, false},
		{"another password", checkOf(t, us, "guess", nominating), badIntegrity, false},
		{"another server", checkOf(t, "you0:them0", secret, nominating), unknownUser, false},
		{"another client", checkOf(t, "us0:eve", secret, nominating), unknownUser, false},
		{"our name alone", checkOf(t, "us0", secret, nominating), unknownUser, false},
		{"an empty name", checkOf(t, "", secret, nominating), unknownUser, false},
		{"names the wrong way round", checkOf(t, "them0:us0", secret, nominating), unknownUser, false},
		{"what must be understood", checkOf(t, us, secret, nominating, attribute(0x0003, 0, 0, 0, 6)), unknownAttribute, false},
		{"both are controlled", checkOf(t, us, secret, controlled, nominating), roleConflict, false},
		{"a nomination that nobody signed", behind(nominating), answered, true},
		{"a conflict that nobody signed", behind(controlled), answered, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t)
			v := s.agent.receive(s.now, mustRead(t, tc.check), placed(1))
			if v.result != tc.want || v.selected != tc.selected {
				t.Fatalf("came to %s, selected %v", resultNames[v.result], v.selected)
			}
			authentic := tc.want == answered || tc.want == unknownAttribute || tc.want == roleConflict
			if (v.at != nil) != authentic || (v.password != "") != authentic || (len(s.agent.addresses) == 1) != authentic {
				t.Fatalf("authentic is %v; got %+v", authentic, v)
			}
		})
	}
}

func TestAnyClientIsTakenUntilItsNameIsKnown(t *testing.T) {
	var a agent
	a.current.ours = credentials{"us", "secret"}
	c := mustRead(t, checkOf(t, "us:whoever", "secret"))
	if v := a.receive(time.Now(), c, placed(1)); v.result != answered {
		t.Fatalf("came to %s", resultNames[v.result])
	}
	for range 2 {
		if a.meet(credentials{"them", "x"}) {
			t.Fatal("the first credentials, or the same again, are taken for a restart")
		}
	}
	if v := a.receive(time.Now(), c, placed(1)); v.result != unknownUser {
		t.Fatalf("came to %s", resultNames[v.result])
	}
}

func TestTheLatestNominationWins(t *testing.T) {
	s := newScript(t)
	s.carries(s.check(0, 1, controlled), -1, false) // is to be made again
	s.carries(s.check(0, 1), 1, true)               // will do until there is one
	s.carries(s.check(0, 3), 1, false)
	s.carries(s.check(0, 2, nominating), 2, true)
	s.carries(s.check(0, 2, nominating), 2, false)
	s.carries(s.check(0, 1, nominating), 1, true)
	s.carries(s.check(0, 2), 1, false)
	s.carries(s.check(0, 2, nominating), 2, true)
}

func TestWhoIsSilentAndChecksFromElsewhereHasMoved(t *testing.T) {
	s := newScript(t)
	s.now = s.now.Add(time.Hour)
	s.carries(s.check(0, 1, nominating), 1, true)
	s.now = s.now.Add(movedAfter - time.Millisecond)
	s.carries(s.check(0, 2), 1, false)
	s.agent.selected.heard.set(s.now) // media
	s.now = s.now.Add(movedAfter - time.Millisecond)
	s.carries(s.check(0, 2), 1, false)
	s.now = s.now.Add(time.Millisecond)
	s.carries(s.check(0, 3, controlled), 1, false) // is to be made again
	s.carries(s.check(0, 2), 2, true)
	s.carries(s.check(0, 1), 2, false) // was late
	s.carries(s.check(0, 1, nominating), 1, true)
}

func TestWhatWasSelectedIsGone(t *testing.T) {
	s := newScript(t)
	s.check(0, 2)
	v := s.check(0, 1, nominating)
	if s.agent.forget(s.check(0, 2).at) {
		t.Fatal("one that was not selected was")
	}
	if !s.agent.forget(v.at) {
		t.Fatal("what was selected was not")
	}
	s.carries(s.check(0, 3), 3, true) // there is nothing to wait for
}

func TestARestart(t *testing.T) {
	s := newScript(t)
	s.carries(s.check(0, 1, nominating), 1, true)
	if expired := s.restart(1); expired != "" {
		t.Fatalf("%q is over at once", expired)
	}
	s.carries(s.check(0, 1), 1, false)
	s.carries(s.check(1, 2), 1, false)
	s.carries(s.check(0, 3, nominating), 3, true) // the client may not know yet
	if v := s.agent.receive(s.now, mustRead(t, checkOf(t, "us1:them0", "secret1")), placed(4)); v.result != unknownUser {
		t.Fatalf("names of two generations come to %s", resultNames[v.result])
	}
	if v := s.agent.receive(s.now, mustRead(t, checkOf(t, "us1:them1", "secret0")), placed(4)); v.result != badIntegrity {
		t.Fatalf("the password of before comes to %s", resultNames[v.result])
	}
	v := s.check(1, 2, nominating)
	s.carries(v, 2, true)
	if v.expired != "us0" {
		t.Fatalf("%q is over", v.expired)
	}
	if v := s.check(0, 3, nominating); v.result != unknownUser {
		t.Fatalf("the credentials of before come to %s", resultNames[v.result])
	}
}

func TestARestartThatComesToNothing(t *testing.T) {
	s := newScript(t)
	s.check(0, 1, nominating)
	s.restart(1)
	if expired := s.restart(2); expired != "us1" {
		t.Fatalf("%q is over", expired)
	}
	if v := s.check(1, 2, nominating); v.result != unknownUser {
		t.Fatalf("came to %s", resultNames[v.result])
	}
	s.carries(s.check(0, 1), 1, false)
	s.carries(s.check(2, 2, nominating), 2, true)
}

func TestTheLongestSilentMakesRoom(t *testing.T) {
	s := newScript(t)
	s.check(0, 0, nominating)
	for n := 1; n < maxAddresses; n++ {
		s.now = s.now.Add(time.Millisecond)
		if v := s.check(0, n); v.evicted != nil {
			t.Fatalf("%d addresses are too many", n+1)
		}
	}
	s.now = s.now.Add(time.Millisecond)
	s.check(0, 1)
	for n := maxAddresses; n < 3*maxAddresses; n++ {
		s.now = s.now.Add(time.Millisecond)
		v := s.check(0, n)
		if v.result != answered || v.evicted == nil || len(s.agent.addresses) != maxAddresses {
			t.Fatalf("address %d: %s, evicted %v of %d", n, resultNames[v.result], v.evicted, len(s.agent.addresses))
		}
		if n == maxAddresses && v.evicted.path != placed(2) {
			t.Fatalf("%v made room", v.evicted.remote)
		}
		s.carries(v, 0, false)
	}
}
