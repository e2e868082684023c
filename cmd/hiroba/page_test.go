package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// ask fills in the lobby and asks to be let in.
func (p *tab) ask(name string) {
	p.t.Helper()
	p.waits("the lobby", seen("join"))
	if err := chromedp.Do(p.ctx, chromedp.SetValue(chromedp.CSS(`[data-testid=name]`), name)); err != nil {
		p.t.Fatalf("%s: filling in the lobby: %v", p.name, err)
	}
	p.click("join")
}

// choose opens a menu and chooses from it.
func (p *tab) choose(menu, item string) {
	p.t.Helper()
	p.waits("the button of a menu", seen(menu))
	p.click(menu)
	evaluate[any](p, fmt.Sprintf(`document.querySelector(':popover-open [data-item=%s]').click()`, item))
}

// moderate opens the list of people, which has the menus.
func (p *tab) moderate() {
	p.t.Helper()
	p.waits("moderating", `hiroba.room.self.grants.includes('admin')`)
	p.click("people-toggle")
}

// seen is true when the page shows what has this name.
func seen(testid string) string {
	return fmt.Sprintf(`document.querySelector('[data-testid=%s]')?.checkVisibility()`, testid)
}

// shows is true when this text stands in what has this name.
func shows(testid, text string) string {
	return fmt.Sprintf(`document.querySelector('[data-testid=%s]')?.innerText.includes(%q)`, testid, text)
}

// Who comes to a room with a lobby waits with their own picture in view until
// a moderator lets them in.
func TestPageLobby(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann := b.open("Ann", url+"/r/tea", "")
	ann.join("Ann")
	ann.moderate()
	ann.choose("room-menu", "lobby")
	ann.waits("the lobby to be there", `hiroba.room.settings.lobby`)
	ann.click("people-toggle")

	bob := b.open("Bob", url+"/r/tea", "")
	bob.ask("Bob")
	bob.waits("waiting", seen("waiting"))
	bob.waits("his own picture meanwhile", `document.querySelector('hiroba-preview video').videoWidth > 0`)

	// He thinks better of it, and comes again.
	ann.waits("the knock", shows("knock", "Bob wants to come in"))
	bob.click("cancel")
	bob.waits("the lobby again", seen("join"))
	ann.waits("the knock to go", `!`+seen("knock"))
	bob.ask("Bob")
	ann.waits("the second knock", seen("knock"))
	ann.click("refuse")
	bob.waits("the refusal", shows("join-problem", "You were not let in"))

	bob.ask("Bob")
	ann.waits("the third knock", seen("knock"))
	ann.click("admit")
	bob.waits("the room", `hiroba.room?.state === 'connected'`)
	ann.sees(1)
	bob.sees(1)
}

// What a moderator does to somebody is seen there: devices follow, and it is
// said why.
func TestPageMutedByModerator(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")
	ann.sees(1)

	ann.moderate()
	ann.choose("person-menu", "mute")
	bob.waits("a microphone that is off", `document.querySelector('[data-testid=mic]').dataset.mode === 'off'`)
	bob.waits("why", shows("toasts", "You were muted by a moderator"))
	bob.waits("silence", `[...hiroba.room.publications.values()].every((p) => p.source !== 'microphone' || (p.muted && !p.track.enabled))`)
	ann.waits("a mark on his tile", `document.querySelector('hiroba-tile:not([data-self]) .silent').checkVisibility()`)

	// It is his to turn on again.
	bob.click("mic")
	ann.waits("the mark to go", `!document.querySelector('hiroba-tile:not([data-self]) .silent').checkVisibility()`)

	ann.choose("person-menu", "promote")
	bob.waits("the news", shows("toasts", "You are a moderator now"))
	bob.moderate()
	bob.waits("the controls", seen("room-menu"))
}

// Who is removed is told so and stays out; the end of the room is the end for
// everybody.
func TestPageRemovedAndEnded(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")

	ann.moderate()
	ann.choose("person-menu", "remove")
	ann.waits("a second question", seen("confirm"))
	ann.click("confirm")
	bob.waits("the end", shows("left", "You were removed"))
	ann.waits("his tile to go", tiles(1))
	bob.waits("his camera to be off", `!hiroba.room`)

	// He may come back, unless the room is locked.
	ann.choose("room-menu", "lock")
	ann.waits("the lock", seen("locked"))
	bob.click("rejoin")
	bob.waits("the refusal", shows("join-problem", "The room is locked"))
	ann.choose("room-menu", "lock")
	ann.waits("the lock to go", `!`+seen("locked"))
	bob.ask("Bob")
	bob.waits("the room", `hiroba.room?.state === 'connected'`)

	ann.choose("room-menu", "end")
	ann.waits("a second question", seen("confirm"))
	ann.click("confirm")
	ann.waits("the end", shows("left", "You ended the call"))
	bob.waits("the end", shows("left", "A moderator ended tea for everybody"))
}

// A token comes in after the # of the address and goes no further: it is in
// no address, no link and no storage afterwards.
func TestPageInvitation(t *testing.T) {
	const keys = "main=0123456789abcdef0123456789abcdef"
	_, url := runServer(t, func(c *configs.Config) { c.Keys = keys })
	signer := accessSigner(t, keys)
	token, err := signer.Token(auth.Access{
		Room: "tea", Name: "Ann of the office", Grants: auth.DefaultGrants.With(protocol.Grant_ADMIN), Sources: []string{"microphone"},
	}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)

	eve := b.open("Eve", url+"/r/tea", "")
	eve.ask("Eve")
	eve.waits("the refusal", shows("join-problem", "needs an invitation"))

	ann := b.open("Ann", url+"/r/tea#token="+token, "")
	ann.waits("her name", `document.querySelector('[data-testid=name]').value === 'Ann of the office' && document.querySelector('[data-testid=name]').readOnly`)
	ann.click("join")
	ann.waits("the room", `hiroba.room?.state === 'connected'`)
	ann.waits("what she sends", `hiroba.room.publications.size > 0`)
	if got := evaluate[string](ann, `[...hiroba.room.publications.values()].map((p) => p.source).join()`); got != "microphone" {
		t.Errorf("she sends %q", got)
	}
	if got := evaluate[string](ann, `location.href`); got != url+"/r/tea" {
		t.Errorf("the address is %q", got)
	}
	if evaluate[bool](ann, fmt.Sprintf(`(document.documentElement.innerHTML + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + JSON.stringify(history.state)).includes(%q)`, token)) {
		t.Error("the token stands somewhere in the page")
	}
}

func accessSigner(t *testing.T, list configs.Secret) auth.Signer {
	t.Helper()
	keys, err := accessKeys(configs.Config{Keys: list})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("")
	if err != nil {
		t.Fatal(err)
	}
	return signer
}
