package turn

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// overTLS is a client's connection over TLS, and what is below.
type overTLS struct {
	*tls.Conn
	below *net.TCPConn
	cut   bool   // the bytes of TLS are sent one by one
	log   []byte // of keys
}

// wire is what TLS is spoken over.
type wire struct {
	*net.TCPConn
	of *overTLS
}

func (w wire) Write(b []byte) (int, error) {
	if !w.of.cut {
		return w.TCPConn.Write(b)
	}
	for i := range b {
		if _, err := w.TCPConn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// keyLog keeps what TLS tells of its keys.
type keyLog struct{ of *overTLS }

func (k keyLog) Write(line []byte) (int, error) {
	k.of.log = append(k.of.log, line...)
	return len(line), nil
}

// dialTLS connects over TLS of one version.
func dialTLS(t testing.TB, l *lab, version uint16) *overTLS {
	t.Helper()
	c := &overTLS{below: dial(t, l)}
	c.Conn = tls.Client(wire{c.below, c}, &tls.Config{
		InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, KeyLogWriter: keyLog{c},
	})
	t.Cleanup(func() { c.Close() })
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// newRawTLS is a connection over TLS with an allocation, and channel 0x4000 bound
// to the SFU.
func newRawTLS(t testing.TB, l *lab, version uint16) *overTLS {
	t.Helper()
	conn := dialTLS(t, l, version)
	c := &rawClient{t: t, conn: &streamConn{conn}}
	c.logIn("ann")
	wantCode(t, c.request(stun.MethodAllocate, overUDP), 0)
	wantCode(t, c.request(stun.MethodChannelBind, channelNumber(0x4000), peer(l.at(loopback))), 0)
	return conn
}

// Messages come through TLS however records and segments cut them: many in one
// record, one in many, and records in pieces.
func TestRelayOverTLS(t *testing.T) {
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, nil)
			conn := newRawTLS(t, l, version)
			var all []byte
			for i := range 20 {
				all = append(all, channelData(0x4000, media(strings.Repeat("x", 50*i)))...)
			}
			want := messages(t, all)
			got := make([]byte, len(all))
			for _, way := range []struct {
				name string
				most int // of a record
				cut  bool
			}{{"in one record", len(all), false}, {"in many", 7, false}, {"of which each comes in pieces", 500, true}} {
				conn.cut = way.cut
				for part := range slices.Chunk(all, way.most) {
					if _, err := conn.Write(part); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := io.ReadFull(conn, got); err != nil || !slices.Equal(messages(t, got), want) {
					t.Fatalf("%s: %v, or something else came back", way.name, err)
				}
			}
			if all := l.Allocations(); len(all) != 1 || all[0].Transport != TLS {
				t.Errorf("the allocations are %+v", all)
			}
		})
	}
}

// messages takes a stream apart, in the order of lengths: on the way to the SFU and
// back they may have overtaken each other.
func messages(t *testing.T, stream []byte) (out []string) {
	t.Helper()
	for len(stream) > 0 {
		size, err := frameLength(stream)
		if size = (size + 3) &^ 3; err != nil || size == 0 || size > len(stream) {
			t.Fatalf("%x is no message: %v", stream[:min(4, len(stream))], err)
		}
		out, stream = append(out, string(stream[:size])), stream[size:]
	}
	slices.SortFunc(out, func(a, b string) int { return len(a) - len(b) })
	return out
}

// Idle clients over TLS cost no goroutine; and the end of the server is said to
// them, as TLS wants it.
func TestIdleClientsOverTLS(t *testing.T) {
	l := newLab(t, nil)
	before := runtime.NumGoroutine()
	var conns []*overTLS
	for range 10 {
		conns = append(conns, newRawTLS(t, l, tls.VersionTLS13))
	}
	eventually(t, "there is no goroutine more", func() bool { return runtime.NumGoroutine() <= before })
	if err := l.Server.Close(); err != nil {
		t.Fatal(err)
	}
	l.Server = newServerForCleanup(t)
	for _, conn := range conns {
		if n, err := conn.Read(make([]byte, 10)); n > 0 || !errors.Is(err, io.EOF) {
			t.Errorf("the client reads %d bytes, %v", n, err)
		}
	}
}

// A client that says goodbye, and one that breaks TLS, are gone at once.
func TestEndOverTLS(t *testing.T) {
	l := newLab(t, nil)
	for name, end := range map[string]func(*overTLS) error{
		"goodbye": func(c *overTLS) error { return c.Close() },
		"garbage": func(c *overTLS) error { _, err := c.below.Write(make([]byte, 100)); return err },
		"half a record": func(c *overTLS) error {
			if _, err := c.below.Write([]byte{23, 3, 3, 1, 0, 1, 2, 3}); err != nil {
				return err
			}
			return c.below.CloseWrite()
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := end(newRawTLS(t, l, tls.VersionTLS13)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "connection and allocation are gone", func() bool {
				return l.metric(t, "hiroba_turn_tcp_connections", "") == 0 && len(l.Allocations()) == 0
			})
		})
	}
}

// A connection over TLS becomes a peer's (RFC 6062), and what the client said
// right behind the request goes to the peer.
func TestTCPToPeersOverTLS(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Rules.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	control := &rawClient{t: t, conn: &streamConn{dialTLS(t, l, tls.VersionTLS13)}}
	control.logIn("ann")
	wantCode(t, control.request(stun.MethodAllocate, overTCP), 0)
	answer := control.request(stun.MethodConnect, peer(addrPort(listener.Addr())))
	wantCode(t, answer, 0)
	id, err := answer.Get(stun.AttrConnectionID)
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := far.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}

	data := dialTLS(t, l, tls.VersionTLS13)
	c := &rawClient{t: t, conn: &streamConn{data}}
	c.logIn("ann")
	bind := stun.MustBuild(append([]stun.Setter{
		stun.TransactionID, stun.NewType(stun.MethodConnectionBind, stun.ClassRequest), attribute{stun.AttrConnectionID, id},
	}, append(c.signed, c.key)...)...)
	long := bytes.Repeat([]byte("for the peer "), 5000)
	if _, err := data.Write(append(slices.Clone(bind.Raw), long...)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(long))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, long) {
		t.Fatalf("the peer got something else: %v", err)
	}
	buf := make([]byte, 1000)
	n, err := data.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	bound := &stun.Message{Raw: buf[:n]}
	if err := bound.Decode(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, bound, 0)
	wantConversation(t, data, far)
}

// A client has TLS itself say something, again and again, and does not read it.
// Nobody waits for it, and it is cut off.
func TestClientThatMakesTLSTalk(t *testing.T) {
	l := newLabWithTimeouts(t, linkTimeouts{allocate: time.Hour, silence: time.Hour, write: 100 * time.Millisecond}, nil)
	talker := dialTLS(t, l, tls.VersionTLS13)
	if suite := talker.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("the cipher suite is %s", tls.CipherSuiteName(suite))
	}
	_ = talker.below.SetReadBuffer(4 << 10)
	keepalive := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)).Raw
	keys := newTrafficKeys(t, talker.log)
	other := newRawTLS(t, l, tls.VersionTLS13)
	for {
		var burst []byte
		for range 500 {
			burst = append(burst, keys.seal(t, 23, keepalive)...)
			burst = append(burst, keys.seal(t, 22, []byte{24, 0, 0, 1, 1})...) // KeyUpdate, and one wanted (RFC 8446, 4.6.3)
			keys.update(t)
		}
		if _, err := talker.below.Write(burst); err != nil {
			break
		}
		wantBack(t, other, "right here")
	}
	eventually(t, "it is cut off", func() bool { return l.metric(t, "hiroba_turn_tcp_connections", "") == 1 })
	wantBack(t, other, "right here")
}

// trafficKeys seal what a client says over TLS 1.3.
type trafficKeys struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64
}

func newTrafficKeys(t *testing.T, log []byte) *trafficKeys {
	t.Helper()
	for line := range strings.Lines(string(log)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(fields[2])
			if err != nil {
				t.Fatal(err)
			}
			k := &trafficKeys{secret: secret}
			k.derive(t)
			return k
		}
	}
	t.Fatal("TLS told no secret")
	return nil
}

func (k *trafficKeys) expand(t *testing.T, label string, length int) []byte {
	t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 "+label)))
	info = append(append(info, "tls13 "+label...), 0)
	out, err := hkdf.Expand(sha256.New, k.secret, string(info), length)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (k *trafficKeys) derive(t *testing.T) {
	t.Helper()
	block, err := aes.NewCipher(k.expand(t, "key", 16))
	if err != nil {
		t.Fatal(err)
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	k.iv, k.number = k.expand(t, "iv", 12), 0
}

// update goes on to the next keys.
func (k *trafficKeys) update(t *testing.T) {
	t.Helper()
	k.secret = k.expand(t, "traffic upd", 32)
	k.derive(t)
}

func (k *trafficKeys) seal(t *testing.T, kind byte, content []byte) []byte {
	t.Helper()
	nonce := slices.Clone(k.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(k.number >> (56 - 8*i))
	}
	k.number++
	size := len(content) + 1 + k.aead.Overhead()
	header := []byte{23, 3, 3, byte(size >> 8), byte(size)}
	return k.aead.Seal(slices.Clone(header), nonce, append(slices.Clone(content), kind), header)
}
