package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// WebSocket opcodes (RFC 6455, 5.2).
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// maxLooked is how much of a message a socket looks at; what comes after that in
// a longer one is passed over.
const maxLooked = 4 << 10

// socket is a WebSocket client that costs as little as can be, so that thousands
// of them leave the machine to the server. One goroutine reads; writing is
// safe for concurrent use.
type socket struct {
	conn   net.Conn
	r      *bufio.Reader
	format protocol.Format

	mu  sync.Mutex // guards all below, and orders what is written
	out []byte
	seq uint64
}

// dialSocket connects to a server at host:port and asks for path, with further
// subprotocols, such as a resume token, beside that of the format.
func dialSocket(addr, path string, format protocol.Format, more ...string) (*socket, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, r: bufio.NewReaderSize(conn, maxLooked), format: format}
	if err := s.upgrade(path, more); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// upgrade is the opening handshake (RFC 6455, 4.1).
func (s *socket) upgrade(path string, more []string) error {
	if err := s.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		path, strings.Join(append([]string{s.format.Subprotocol()}, more...), ", "))
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(s.r, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return s.conn.SetDeadline(time.Time{})
}

// read returns the next message's beginning, which is good until the next
// call. It answers pings.
func (s *socket) read() ([]byte, error) {
	for {
		head, err := s.r.Peek(2)
		if err != nil {
			return nil, err
		}
		op, size, skip := head[0]&15, int(head[1]&127), 2
		if size >= 126 {
			skip = 4
			if size == 127 {
				skip = 10
			}
			if head, err = s.r.Peek(skip); err != nil {
				return nil, err
			}
			size = int(binary.BigEndian.Uint16(head[2:]))
			if skip == 10 {
				size = int(binary.BigEndian.Uint64(head[2:]))
			}
		}
		_, _ = s.r.Discard(skip)
		looked, err := s.r.Peek(min(size, maxLooked))
		if err != nil {
			return nil, err
		}
		if _, err := s.r.Discard(len(looked)); err != nil {
			return nil, err
		}
		switch op {
		case opPing:
			err = s.frame(opPong, looked)
		case opClose:
			return nil, fmt.Errorf("closed: %q", looked)
		case opText, opBinary:
			if size == len(looked) {
				return looked, nil
			}
			looked = bytes.Clone(looked) // the rest takes its place
			_, err = io.CopyN(io.Discard, s.r, int64(size-len(looked)))
			return looked, err
		}
		if err != nil {
			return nil, err
		}
	}
}

// say sends a message; all but pings get a number.
func (s *socket) say(message *protocol.ClientMessage) error {
	s.mu.Lock()
	if message.GetPing() == nil {
		s.seq++
		message.Seq = s.seq
	}
	data, err := s.format.Marshal(message)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if s.format == protocol.Binary {
		return s.frame(opBinary, data)
	}
	return s.frame(opText, data)
}

// ping is a heartbeat that acknowledges, in the SDK's words.
func (s *socket) ping(ack uint64) error {
	if s.format == protocol.JSON {
		return s.frame(opText, fmt.Appendf(nil, `{"ack":"%d","ping":{}}`, ack))
	}
	return s.say(&protocol.ClientMessage{Ack: ack, Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
}

// frame writes one frame. The mask that a client has to use is zero: it leaves
// the bytes as they are.
func (s *socket) frame(op byte, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := append(s.out[:0], 0x80|op)
	if len(data) < 126 {
		out = append(out, 0x80|byte(len(data)))
	} else {
		out = append(out, 0x80|126, byte(len(data)>>8), byte(len(data)))
	}
	out = append(out, 0, 0, 0, 0)
	s.out = append(out, data...)
	_, err := s.conn.Write(s.out)
	return err
}

// number is the number of an encoded message, 0 when it has none.
func (s *socket) number(data []byte) uint64 {
	if s.format == protocol.Binary {
		if len(data) > 0 && data[0] == 1<<3 {
			n, _ := protowire.ConsumeVarint(data[1:])
			return n
		}
		return 0
	}
	rest, ok := bytes.CutPrefix(data, []byte(`{"seq":"`))
	if !ok {
		return 0
	}
	n, _ := strconv.ParseUint(string(rest[:max(0, bytes.IndexByte(rest, '"'))]), 10, 64)
	return n
}
