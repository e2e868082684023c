package turn

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// rawClient says what no decent client would.
type rawClient struct {
	t      testing.TB
	conn   net.PacketConn
	server net.Addr
	key    stun.MessageIntegrity
	signed []stun.Setter // what makes a request an authenticated one
}

// newRawClient connects over UDP and logs in.
func newRawClient(t testing.TB, server netip.AddrPort, user string) *rawClient {
	t.Helper()
	c := &rawClient{t: t, conn: connect(t, "udp", server), server: net.UDPAddrFromAddrPort(server)}
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c.logIn(user)
	return c
}

// logIn learns realm and nonce, and signs what follows.
func (c *rawClient) logIn(user string) {
	t := c.t
	t.Helper()
	challenge := c.ask(stun.NewType(stun.MethodAllocate, stun.ClassRequest))
	wantCode(t, challenge, stun.CodeUnauthorized)
	var realm stun.Realm
	var nonce stun.Nonce
	if err := challenge.Parse(&realm, &nonce); err != nil {
		t.Fatal(err)
	}
	username, credential := login(user, time.Hour)
	c.key = stun.NewLongTermIntegrity(username, realm.String(), credential)
	c.signed = []stun.Setter{stun.NewUsername(username), &realm, &nonce}
}

// ask sends a request as it is and waits for the answer.
func (c *rawClient) ask(setters ...stun.Setter) *stun.Message {
	c.t.Helper()
	request, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.WriteTo(request.Raw, c.server); err != nil {
		c.t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, _, err := c.conn.ReadFrom(buf)
	if err != nil {
		c.t.Fatalf("%v: no answer: %v", request.Type, err)
	}
	answer := &stun.Message{Raw: buf[:n]}
	if err := answer.Decode(); err != nil {
		c.t.Fatal(err)
	}
	if answer.TransactionID != request.TransactionID {
		c.t.Fatalf("%v: the answer is to another request", request.Type)
	}
	return answer
}

// request sends a request with the login, again if the nonce was too old.
func (c *rawClient) request(method stun.Method, attributes ...stun.Setter) *stun.Message {
	c.t.Helper()
	answer := c.requestOnce(method, attributes...)
	var code stun.ErrorCodeAttribute
	if code.GetFrom(answer) != nil || code.Code != stun.CodeStaleNonce {
		return answer
	}
	var nonce stun.Nonce
	if err := nonce.GetFrom(answer); err != nil {
		c.t.Fatal(err)
	}
	c.signed[2] = &nonce
	return c.requestOnce(method, attributes...)
}

// requestOnce sends a request with the login.
func (c *rawClient) requestOnce(method stun.Method, attributes ...stun.Setter) *stun.Message {
	c.t.Helper()
	setters := append([]stun.Setter{stun.NewType(method, stun.ClassRequest)}, attributes...)
	return c.ask(append(append(setters, c.signed...), c.key)...)
}

// send sends bytes as they are.
func (c *rawClient) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.WriteTo(b, c.server); err != nil {
		c.t.Fatal(err)
	}
}

// receive waits for the next message.
func (c *rawClient) receive() []byte {
	c.t.Helper()
	buf := make([]byte, 70000)
	n, _, err := c.conn.ReadFrom(buf)
	if err != nil {
		c.t.Fatalf("nothing came: %v", err)
	}
	return buf[:n]
}

// attribute is any attribute.
type attribute struct {
	number stun.AttrType
	value  []byte
}

func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.number, a.value)
	return nil
}

var (
	overUDP = attribute{stun.AttrRequestedTransport, []byte{17, 0, 0, 0}}
	overTCP = attribute{stun.AttrRequestedTransport, []byte{6, 0, 0, 0}}
)

func channelNumber(n uint16) attribute {
	return attribute{stun.AttrChannelNumber, []byte{byte(n >> 8), byte(n), 0, 0}}
}

// peer is an XOR-PEER-ADDRESS.
type peer netip.AddrPort

func (p peer) AddTo(m *stun.Message) error {
	at := netip.AddrPort(p)
	return stun.XORMappedAddress{IP: at.Addr().AsSlice(), Port: int(at.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}

// wantCode checks that an answer is an error with that code; 0 is success.
func wantCode(t testing.TB, answer *stun.Message, want stun.ErrorCode) {
	t.Helper()
	var code stun.ErrorCodeAttribute
	if answer.Type.Class == stun.ClassErrorResponse {
		if err := code.GetFrom(answer); err != nil {
			t.Fatal(err)
		}
	}
	if code.Code != want {
		t.Fatalf("%v: error %d %s, want %d", answer.Type, code.Code, code.Reason, want)
	}
}
