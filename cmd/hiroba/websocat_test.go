package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// envWebsocat makes this test binary do what websocat does with the options
// that our pages use.
const envWebsocat = "HIROBA_TEST_WEBSOCAT"

// The options are websocat's, not those of tests: it has to be seen to before
// anything looks at them.
func init() {
	if os.Getenv(envWebsocat) == "" {
		return
	}
	if err := websocat(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "websocat:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// websocat sends each line of in as a text message and writes each message that
// comes as a line, until the other side closes.
func websocat(args []string, in io.Reader, out io.Writer) error {
	url, protocol, keepOpen := "", "", false
	header := http.Header{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch name, value, _ := strings.Cut(strings.TrimPrefix(arg, "-H="), ":"); {
		case arg == "-n":
			keepOpen = true
		case arg == "--protocol" && len(args) > 0:
			protocol, args = args[0], args[1:]
		case strings.HasPrefix(arg, "-H="):
			header.Add(name, strings.TrimSpace(value))
		case strings.HasPrefix(arg, "-") || url != "":
			return fmt.Errorf("what is %q?", arg)
		default:
			url = arg
		}
	}
	conn, _, err := (&websocket.Dialer{Subprotocols: []string{protocol}}).Dial(url, header)
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if conn.WriteMessage(websocket.TextMessage, lines.Bytes()) != nil {
				return // the reader finds out why
			}
		}
		if !keepOpen {
			_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
		}
	}()
	for {
		_, data, err := conn.ReadMessage()
		if _, closed := errors.AsType[*websocket.CloseError](err); closed {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", data); err != nil {
			return err
		}
	}
}

// pathWithWebsocat is a PATH on which there is a websocat: the real one where
// there is one, else this test binary.
func pathWithWebsocat(t *testing.T) string {
	t.Helper()
	path := os.Getenv("PATH")
	if _, err := exec.LookPath("websocat"); err == nil {
		return path
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", envWebsocat, self)
	if err := os.WriteFile(filepath.Join(folder, "websocat"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder + string(os.PathListSeparator) + path
}
