package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// The examples do what they say.
func TestGoExamples(t *testing.T) {
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder, "./...")
	build.Dir = filepath.Join("..", "..", "docs", "examples", "go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the examples do not build: %v\n%s", err, out)
	}
	_, url := runServer(t, nil)
	song := filepath.Join(folder, "song.ogg")
	run := func(name string, arguments ...string) *example {
		return runExample(t, filepath.Join(folder, name), append([]string{"-url", url, "-room", "tea"}, arguments...)...)
	}

	t.Run("chat", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		chat := run("chat", "-name", "Bob")
		chat.prints("with 1 others")
		fmt.Fprintln(chat.in, "hello")
		ann.hears("Bob's word", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetText() == "hello" })
		if err := ann.Say(bounded(t), "chat", "hello yourself"); err != nil {
			t.Fatal(err)
		}
		chat.prints(ann.ID() + ": hello yourself")
		_ = chat.in.Close()
		chat.ends()
		ann.until("Bob's going", func() bool { return len(ann.Peers()) == 0 })
	})
	t.Run("sensor", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		sensor := run("sensor")
		sensor.prints("measuring as")
		value := ann.hears("a value", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetTopic() == "memory" }).GetMessage()
		if unit, err := ann.Ask(bounded(t), value.GetFrom(), "unit", ""); err != nil || unit != "bytes" {
			t.Errorf("it answered %q, %v", unit, err)
		}
		sensor.interrupt()
		sensor.ends()
	})
	t.Run("record", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		voice := newSamples(t, webrtc.MimeTypeOpus, func() []byte { return append([]byte{0xfc}, "voice"...) })
		if _, err := ann.Publish(bounded(t), client.LocalTrack{Track: voice, Source: "microphone"}); err != nil {
			t.Fatal(err)
		}
		record := run("record", song)
		record.prints("recorded 100 packets")
		record.interrupt()
		record.ends()
		if err := ann.Leave(bounded(t)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("publish", func(t *testing.T) {
		ann := enter(t, url, "tea", nil)
		publish := run("publish")
		file, err := os.ReadFile(song)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // it reads at its own pace
			_, _ = publish.in.Write(file)
			_ = publish.in.Close()
		}()
		mid := ann.slotOf(publish.prints("publishing "))
		ann.receives(50, mid, endsWith([]byte("voice")))
		publish.ends() // with the song
	})
}
