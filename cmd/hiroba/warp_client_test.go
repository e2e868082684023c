package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/sctp"
	"github.com/pion/stun/v4"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/sfu/dtls"
	"github.com/hiroba-rtc/hiroba/sfu/srtp"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// warpClient is a client with one audio slot and one DataChannel that is set up
// in as few round trips as it is told to: with DTLS inside of its checks
// (draft-hancke-webrtc-sped), and without the handshake of SCTP
// (draft-hancke-tsvwg-snap). It is made of Pion's parts and ours, since Pion's
// PeerConnection knows the second alone.
type warpClient struct {
	sped, snap bool

	link      *client.Link
	udp       *net.UDPConn
	transport *dtls.Transport
	theirs    [2]string     // name and password of the server's ICE
	first     chan struct{} // closed when there is a datagram of DTLS
	firstOnce sync.Once
	packets   chan []byte // SRTP
	running   sync.WaitGroup
	cancel    context.CancelFunc

	mu       sync.Mutex // guards what follows
	selected netip.AddrPort
	heard    bool // something came since the last was sent
	turns    int  // how often something was sent that had to wait for what came

	at warpTimes
}

// warpTimes are when a client got how far, and after how many turns.
type warpTimes struct {
	opened, answered, media, said time.Time
	mediaTurns, saidTurns         int
}

const warpUfrag, warpPwd = "warp", "a-password-of-22-letters"

// quiet3rd is no log of the libraries'.
var quiet3rd = &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}

var hostUDP = regexp.MustCompile(`a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host`)

// lineOf is the value of an attribute of a description; empty without.
func lineOf(sdp, name string) string {
	_, rest, _ := strings.Cut(sdp, "\r\na="+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// opened has a context note when a WebSocket is open.
func opened(ctx context.Context, at *time.Time) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { *at = time.Now() }})
}

// join enters a room, and returns when a packet came and a frame of that topic
// was sent: this as soon as can be, or after the packet.
func (w *warpClient) join(ctx context.Context, url, room, topic string, soon bool) error {
	ctx, w.cancel = context.WithCancel(ctx)
	w.first, w.packets = make(chan struct{}), make(chan []byte, 256)
	identity, err := dtls.NewIdentity()
	if err != nil {
		return err
	}
	init, err := sctp.GenerateOutOfBandToken(sctp.WithLoggerFactory(quiet3rd))
	if err != nil {
		return err
	}
	if w.udp, err = net.ListenUDP("udp4", nil); err != nil {
		return err
	}
	if w.link, err = client.Dial(opened(ctx, &w.at.opened), client.Options{URL: url}); err != nil {
		return err
	}
	joined, err := w.link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{Join: &protocol.Join{
		Room: room, Offer: &protocol.Description{To: protocol.SFU, Type: protocol.Description_OFFER, Sdp: w.offer(identity, init)},
	}}})
	if err != nil {
		return err
	}
	w.at.answered = time.Now()
	answer := joined.GetJoined().GetAnswer().GetSdp()
	w.theirs = [2]string{lineOf(answer, "ice-ufrag"), lineOf(answer, "ice-pwd")}
	_, fingerprint, _ := strings.Cut(lineOf(answer, "fingerprint"), " ")
	begins := lineOf(answer, "setup") == "passive"
	if begins != w.sped || (lineOf(answer, "ice-options") == "sped") != w.sped || (lineOf(answer, "sctp-init") != "") != w.snap {
		return fmt.Errorf("the answer does not fit what was offered:\n%s", answer)
	}
	if w.transport, err = dtls.New(dtls.Config{
		Identity: identity, Client: begins, Remote: []dtls.Fingerprint{{Algorithm: "sha-256", Value: fingerprint}},
		Send: w.send, LoggerFactory: quiet3rd,
	}); err != nil {
		return err
	}
	w.running.Go(w.read)
	keys, failed := make(chan srtp.Keys, 1), make(chan error, 1)
	w.running.Go(func() {
		k, err := w.transport.Handshake(ctx)
		if err != nil {
			failed <- err
			return
		}
		keys <- k
	})
	if begins {
		<-w.first
	}
	to, err := w.place(answer)
	if err != nil {
		return err
	}
	w.running.Go(func() { w.check(ctx, to) })
	select {
	case k := <-keys:
		return w.use(k, init, lineOf(answer, "sctp-init"), topic, soon)
	case err := <-failed:
		return err
	}
}

// offer is what the client has to say for itself.
func (w *warpClient) offer(identity *dtls.Identity, init []byte) string {
	shared := "c=IN IP4 0.0.0.0\r\na=ice-ufrag:" + warpUfrag + "\r\na=ice-pwd:" + warpPwd +
		"\r\na=fingerprint:sha-256 " + identity.Fingerprint() + "\r\na=setup:actpass\r\n"
	if w.sped {
		shared += "a=ice-options:trickle sped\r\n"
	}
	offer := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" + shared + "a=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n" +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + shared + "a=mid:1\r\na=sctp-port:5000\r\n"
	if w.snap {
		offer += "a=sctp-init:" + base64.StdEncoding.EncodeToString(init) + "\r\n"
	}
	return offer
}

// place is where the server is: its first address that is IPv4.
func (w *warpClient) place(answer string) (netip.AddrPort, error) {
	for _, c := range hostUDP.FindAllStringSubmatch(answer, -1) {
		if at, err := netip.ParseAddrPort(net.JoinHostPort(c[1], c[2])); err == nil && at.Addr().Is4() {
			return at, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no candidate will do:\n%s", answer)
}

// check sends a check until one was answered, and then now and again.
func (w *warpClient) check(ctx context.Context, to netip.AddrPort) {
	for {
		setters := []stun.Setter{
			stun.TransactionID, stun.BindingRequest, stun.NewUsername(w.theirs[0] + ":" + warpUfrag),
			ice.AttrControlling(1), ice.PriorityAttr(1), ice.UseCandidate(),
		}
		if w.sped {
			data, acks := w.transport.Embedded(nil, nil, 1000)
			if data != nil {
				setters = append(setters, ice.DtlsInStunAttribute(data))
			}
			setters = append(setters, ice.DtlsInStunAckAttribute(acks))
		}
		m, err := stun.Build(append(setters, stun.NewShortTermIntegrity(w.theirs[1]), stun.Fingerprint)...)
		if err == nil {
			w.write(m.Raw, to)
		}
		pause := 500 * time.Millisecond
		w.mu.Lock()
		if w.selected.IsValid() {
			pause = 2 * time.Second
		}
		w.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// write sends a datagram and counts turns.
func (w *warpClient) write(b []byte, to netip.AddrPort) {
	w.mu.Lock()
	if w.heard || w.turns == 0 {
		w.turns++
	}
	w.heard = false
	w.mu.Unlock()
	_, _ = w.udp.WriteToUDPAddrPort(b, to)
}

// send sends DTLS, once there is a way.
func (w *warpClient) send(b []byte) error {
	w.mu.Lock()
	to := w.selected
	w.mu.Unlock()
	if to.IsValid() {
		w.write(b, to)
	}
	w.firstOnce.Do(func() { close(w.first) })
	return nil
}

// read takes what comes until the socket is closed.
func (w *warpClient) read() {
	buf := make([]byte, 2048)
	for {
		n, from, err := w.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		w.mu.Lock()
		w.heard = w.heard || n > 0 && b[0] < 64 // media is not waited for
		w.mu.Unlock()
		switch {
		case n == 0:
		case b[0] <= 3:
			w.answer(bytes.Clone(b), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case b[0] <= 63:
			w.transport.Receive(b)
		default:
			select {
			case w.packets <- bytes.Clone(b):
			default:
			}
		}
	}
}

// answer takes the answer to a check.
func (w *warpClient) answer(b []byte, from netip.AddrPort) {
	m := new(stun.Message)
	if stun.Decode(b, m) != nil || m.Type != stun.BindingSuccess || stun.NewShortTermIntegrity(w.theirs[1]).Check(m) != nil {
		return
	}
	w.mu.Lock()
	first := !w.selected.IsValid()
	if first {
		w.selected = from
	}
	w.mu.Unlock()
	if w.sped {
		var data ice.DtlsInStunAttribute
		var acks ice.DtlsInStunAckAttribute
		_ = data.GetFrom(m) // either may be missing
		_ = acks.GetFrom(m)
		w.transport.Embedded(data, acks, 1000)
	}
	if first {
		w.transport.Repeat()
	}
}

// use hears a packet, and says a frame.
func (w *warpClient) use(keys srtp.Keys, ours []byte, theirs, topic string, soon bool) error {
	opener, err := srtp.NewOpener(keys)
	if err != nil {
		return err
	}
	heard := make(chan struct{})
	w.running.Go(func() {
		for packet := range w.packets {
			var header rtp.Header
			if _, err := opener.RTP(packet, &header); err == nil && header.PayloadType == 111 {
				w.mu.Lock()
				w.at.media, w.at.mediaTurns = time.Now(), w.turns
				w.mu.Unlock()
				close(heard)
				return
			}
		}
	})
	if !soon {
		<-heard
	}
	conn, err := w.transport.Open()
	if err != nil {
		return err
	}
	options := []sctp.ClientOption{sctp.WithNetConn(conn), sctp.WithLoggerFactory(quiet3rd)}
	if w.snap {
		init, err := base64.StdEncoding.DecodeString(theirs)
		if err != nil {
			return err
		}
		options = append(options, sctp.WithSNAP(ours, init))
	}
	association, err := sctp.ClientWithOptions(options...)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.at.said, w.at.saidTurns = time.Now(), w.turns
	w.mu.Unlock()
	channel, err := datachannel.Dial(association, 2, &datachannel.Config{Label: client.Reliable, LoggerFactory: quiet3rd})
	if err != nil {
		return err
	}
	frame, err := proto.Marshal(&dataframe.DataFrame{Topic: topic})
	if err != nil {
		return err
	}
	arrived := make(chan struct{})
	channel.OnBufferedAmountLow(sync.OnceFunc(func() { close(arrived) })) // at 0 unless told
	if _, err := channel.Write(frame); err != nil {
		return err
	}
	<-heard
	<-arrived
	return nil
}

// leave ends everything.
func (w *warpClient) leave() error {
	w.cancel()
	err := errors.Join(w.transport.Close(), w.link.Close(), w.udp.Close())
	close(w.packets)
	w.running.Wait()
	return err
}
