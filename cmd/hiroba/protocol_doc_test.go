package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
	"github.com/hiroba-rtc/hiroba/signaling/transport/rpc"
)

const docs = "../../docs/"

func docPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(docs + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is what stands under a heading, up to the next one that is no deeper.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, found, ok := strings.Cut("\n"+text, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("there is no heading %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	if end := regexp.MustCompile(`(?m)^#{1,` + strconv.Itoa(len(level)) + `} `).FindStringIndex(found); end != nil {
		found = found[:end[0]]
	}
	return found
}

// rows are the cells of a text's tables, without their heads.
func rows(text string) (out [][]string) {
	head := true
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case !strings.HasPrefix(line, "|"):
			head = true
		case strings.HasPrefix(line, "|---"):
			head = false
		case !head:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			out = append(out, cells)
		}
	}
	return out
}

// words are what stands in backticks.
func words(text string) (out []string) {
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		out = append(out, found[1])
	}
	return out
}

// firstWords are the words in the first cells of a text's tables.
func firstWords(text string) (out []string) {
	for _, row := range rows(text) {
		out = append(out, words(row[0])...)
	}
	return out
}

// same wants two lists to hold the same words, in whatever order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, word := range want {
		if !slices.Contains(got, word) {
			t.Errorf("%s: %s is missing", what, word)
		}
	}
	for _, word := range got {
		if !slices.Contains(want, word) {
			t.Errorf("%s: there is no %s", what, word)
		}
	}
}

// bodies are the messages that a ClientMessage or ServerMessage may hold.
func bodies(message protoreflect.MessageDescriptor) (out []string) {
	fields := message.Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		out = append(out, fields.Get(i).JSONName())
	}
	return out
}

func TestTheProtocolPageNamesEveryMessage(t *testing.T) {
	text := docPage(t, "protocol.md")
	client, server := (&protocol.ClientMessage{}).ProtoReflect().Descriptor(), (&protocol.ServerMessage{}).ProtoReflect().Descriptor()
	same(t, "client messages", firstWords(section(t, text, "## Client messages")), bodies(client))
	same(t, "server messages", firstWords(section(t, text, "## Server messages")), bodies(server))
	var actions []string
	fields := (&protocol.Moderate{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		actions = append(actions, fields.Get(i).JSONName())
	}
	var named []string
	for _, word := range firstWords(section(t, text, "### Moderation")) {
		name, _, _ := strings.Cut(word, "{")
		named = append(named, name)
	}
	same(t, "moderation", named, actions)
	fields = (&protocol.Topology{}).ProtoReflect().Descriptor().Fields()
	var topology []string
	for i := range fields.Len() {
		topology = append(topology, fields.Get(i).JSONName())
	}
	same(t, "topology", firstWords(section(t, docPage(t, "protocol/media.md"), "## Two peers, directly")), topology)
}

// Each message has a section with a row for each field, and each enum a row.
func TestTheMessagesPageNamesEveryField(t *testing.T) {
	text := docPage(t, "protocol/messages.md")
	described := map[string]string{}
	for _, heading := range regexp.MustCompile("(?m)^### .*$").FindAllString(text, -1) {
		for _, name := range words(heading) {
			described[name] = section(t, text, heading)
		}
	}
	enums := map[string]string{}
	for _, row := range rows(section(t, text, "## Words")) {
		enums[words(row[0])[0]] = row[1]
	}
	var messages, kinds []string
	visit(protocol.File_hiroba_v1_signal_proto.Messages(), func(m protoreflect.MessageDescriptor) {
		name := string(m.Name())
		messages = append(messages, name)
		var fields []string
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			if oneof := field.ContainingOneof(); oneof == nil || oneof.Name() != "body" {
				fields = append(fields, field.JSONName())
			}
		}
		same(t, name, firstWords(described[name]), fields)
		if m.Oneofs().ByName("body") != nil {
			_, list, _ := strings.Cut(described[name], "Bodies:")
			same(t, name, words(list), bodies(m))
		}
		for i := range m.Enums().Len() {
			kinds = append(kinds, checkEnum(t, enums, m.Enums().Get(i))...)
		}
	})
	all := protocol.File_hiroba_v1_signal_proto.Enums()
	for i := range all.Len() {
		kinds = append(kinds, checkEnum(t, enums, all.Get(i))...)
	}
	for name := range described {
		if !slices.Contains(messages, name) {
			t.Errorf("there is no message %s", name)
		}
	}
	for name := range enums {
		if !slices.Contains(kinds, name) {
			t.Errorf("there is no enum %s", name)
		}
	}
}

func visit(messages protoreflect.MessageDescriptors, see func(protoreflect.MessageDescriptor)) {
	for i := range messages.Len() {
		see(messages.Get(i))
		visit(messages.Get(i).Messages(), see)
	}
}

// checkEnum compares an enum with its row. The codes of errors have a table of
// their own elsewhere.
func checkEnum(t *testing.T, rows map[string]string, enum protoreflect.EnumDescriptor) []string {
	name := string(enum.Name())
	if name == "Code" {
		return nil
	}
	var want []string
	for i := 1; i < enum.Values().Len(); i++ {
		value := enum.Values().Get(i)
		want = append(want, fmt.Sprintf("%d `%s`", value.Number(), value.Name()))
	}
	same(t, name, regexp.MustCompile("\\d+ `[A-Z][A-Z0-9_]+`").FindAllString(rows[name], -1), want)
	return []string{name}
}

// codes are all codes of errors, but for the one that says nothing.
func codes() (out []protocol.Error_Code) {
	values := protocol.Error_CODE_UNSPECIFIED.Descriptor().Values()
	for i := 1; i < values.Len(); i++ {
		out = append(out, protocol.Error_Code(values.Get(i).Number()))
	}
	return out
}

func TestTheProtocolPageNamesEveryError(t *testing.T) {
	text := docPage(t, "protocol.md")
	errors := map[string][]string{}
	for _, row := range rows(section(t, text, "## Errors")) {
		if words := words(row[1]); len(words) == 1 && len(row) == 5 {
			errors[words[0]] = row
		}
	}
	for _, code := range codes() {
		row := errors[code.String()]
		if row == nil {
			t.Errorf("%v is missing", code)
			continue
		}
		delete(errors, code.String())
		retry := ""
		if protocol.Errorf(code, "").GetRetry() {
			retry = "↻"
		}
		if row[0] != fmt.Sprint(int(code)) || row[2] != retry || row[3] == "" || row[4] == "" {
			t.Errorf("%v has the number %d and the mark %q; the page says %q", code, code, retry, row)
		}
	}
	for name := range errors {
		t.Errorf("there is no error %s", name)
	}
	closing := section(t, text, "### Close codes")
	for _, found := range regexp.MustCompile("(\\b40\\d\\d) (?:\\| )?`([A-Z_]+)`").FindAllStringSubmatch(closing, -1) {
		if want := fmt.Sprint(4000 + protocol.Error_Code_value[found[2]]); found[1] != want {
			t.Errorf("%s is closed with %s; the page says %s", found[2], want, found[1])
		}
	}
	for _, code := range []string{"1000", "1001", "1009", "4000 + code"} {
		if !strings.Contains(closing, "\n| "+code+" |") {
			t.Errorf("the close code %s is missing", code)
		}
	}
}

func TestTheTransportsPageNamesEveryStatus(t *testing.T) {
	text := docPage(t, "protocol/transports.md")
	status, rpcStatus := map[string]string{}, map[string]string{}
	for _, row := range rows(section(t, text, "### Status")) {
		if len(row) == 3 {
			for _, code := range words(row[1]) {
				status[code] = row[0]
			}
		}
	}
	for _, row := range rows(section(t, text, "## gRPC, gRPC-Web and Connect")) {
		for _, code := range words(row[1]) {
			rpcStatus[code] = words(row[0])[0]
		}
	}
	for _, code := range codes() {
		err := protocol.Errorf(code, "")
		if want := fmt.Sprint(transport.Status(err)); want != "400" && status[code.String()] != want || want == "400" && status[code.String()] != "" {
			t.Errorf("%v is answered with the status %s; the page says %q", code, want, status[code.String()])
		}
		want := rpc.Code(err).String()
		if want == "invalid_argument" {
			want = ""
		}
		if got := rpcStatus[code.String()]; got != want {
			t.Errorf("%v is answered with the RPC status %q; the page says %q", code, want, got)
		}
	}
	methods := protocol.File_hiroba_v1_signal_proto.Services().Get(0).Methods()
	for i := range methods.Len() {
		if !slices.Contains(firstWords(text), string(methods.Get(i).Name())) {
			t.Errorf("the method %s is missing", methods.Get(i).Name())
		}
	}
}

// The numbers in the pages are those of a server that was told nothing.
func TestTheProtocolPageHasTheDefaults(t *testing.T) {
	text := docPage(t, "protocol.md")
	c := configs.Default()
	bytes := func(n int) string {
		if n >= 1<<20 {
			return fmt.Sprintf("%d MiB", n>>20)
		}
		return fmt.Sprintf("%d KiB", n>>10)
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%v s", d.Seconds()) }
	want := map[string]string{
		"limits.message_bytes":        bytes(c.Limits.MessageBytes),
		"limits.description_bytes":    bytes(c.Limits.DescriptionBytes),
		"limits.messages_per_second":  fmt.Sprint(c.Limits.MessagesPerSecond),
		"limits.slots":                fmt.Sprint(c.Limits.Slots),
		"limits.tracks":               fmt.Sprint(c.Limits.Tracks),
		"limits.outbox_messages":      fmt.Sprint(c.Limits.OutboxMessages),
		"limits.outbox_bytes":         bytes(c.Limits.OutboxBytes),
		"limits.peers_per_room":       fmt.Sprint(c.Limits.PeersPerRoom),
		"limits.rooms":                fmt.Sprint(c.Limits.Rooms),
		"limits.sessions":             fmt.Sprint(c.Limits.Sessions),
		"limits.sessions_per_address": fmt.Sprint(c.Limits.SessionsPerAddress),
		"limits.sessions_per_user":    fmt.Sprint(c.Limits.SessionsPerUser),
		"limits.joins_per_minute":     fmt.Sprint(c.Limits.JoinsPerMinute),
		"limits.requests_per_second":  fmt.Sprint(c.Limits.RequestsPerSecond),
		"heartbeat":                   seconds(c.Heartbeat),
		"session.detached":            seconds(c.Session.Detached),
		"rooms.history_messages":      fmt.Sprint(c.Rooms.HistoryMessages),
		"rooms.history_age":           seconds(c.Rooms.HistoryAge),
		"rooms.empty":                 seconds(c.Rooms.Empty),
		"rooms.p2p_cooldown":          seconds(c.Rooms.P2PCooldown),
	}
	for _, row := range rows(section(t, text, "## Limits")) {
		names := words(row[0])
		if len(row) != 3 || len(names) != 1 {
			continue
		}
		if row[1] != want[names[0]] {
			t.Errorf("%s is %q; the page says %q", names[0], want[names[0]], row[1])
		}
		delete(want, names[0])
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
	// What follows from them is said elsewhere.
	for file, phrases := range map[string][]string{
		"protocol.md": {
			fmt.Sprintf("`welcome.detachedMs` (%s)", seconds(c.Session.Detached)),
			fmt.Sprintf("after %s (two and a half `heartbeatMs`)", seconds(c.Heartbeat*5/2)),
			fmt.Sprintf("faster than by %d KiB a second", 4*c.Limits.MessagesPerSecond),
			fmt.Sprintf("%d,%03d messages and %s are kept", c.Limits.OutboxMessages/1000, c.Limits.OutboxMessages%1000, bytes(c.Limits.OutboxBytes)),
		},
		"protocol/transports.md": {
			fmt.Sprintf("ends %s after it was opened if it has not joined, and %s after it was read last", seconds(c.Heartbeat*5/2), seconds(c.Session.Detached)),
			bytes(c.Limits.DescriptionBytes+64<<10) + " at most",
		},
		"protocol/media.md": {
			fmt.Sprintf("%d mids in the life", 4*(c.Limits.Slots+c.Limits.Tracks)),
			fmt.Sprintf("%d entries are looked at", 2*c.Limits.Slots),
			seconds(c.Rooms.P2PCooldown) + " after a third has left",
		},
	} {
		for _, phrase := range phrases {
			if !strings.Contains(docPage(t, file), phrase) {
				t.Errorf("%s does not say %q", file, phrase)
			}
		}
	}
}

func TestLinksOfTheProtocolPagesLeadSomewhere(t *testing.T) {
	names, err := filepath.Glob(docs + "protocol/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, docs+"protocol.md") {
		text := docPage(t, strings.TrimPrefix(name, docs))
		for _, found := range regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(text, -1) {
			target := text
			if found[1] != "" {
				data, err := os.ReadFile(filepath.Join(filepath.Dir(name), found[1]))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				target = string(data)
			}
			anchors := []string{""}
			for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(target, -1) {
				anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
				anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
			}
			if !slices.Contains(anchors, found[2]) {
				t.Errorf("%s: %s has no heading %q", name, found[1], found[2])
			}
		}
	}
}
