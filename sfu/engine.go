package sfu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// disconnectedAfter is how long a connection may be silent before it is
	// taken for interrupted; failedAfter, how much longer before it is lost.
	disconnectedAfter = 5 * time.Second
	failedAfter       = 10 * time.Second
	// keepaliveEvery is how often something is sent on an idle connection.
	keepaliveEvery = 2 * time.Second
	// tcpWriteBuffer is how many bytes may wait for an ICE-TCP client.
	tcpWriteBuffer = 1 << 20
	// dataMessageBytes is the largest DataChannel message.
	dataMessageBytes = 64 << 10
)

// engine makes PeerConnections that share one UDP port, one TCP port and one
// certificate.
type engine struct {
	settings     webrtc.SettingEngine
	interceptors *interceptor.Registry
	certificate  webrtc.Certificate
	udp          ice.UDPMux
	tcp          ice.TCPMux
	refused      prometheus.Counter // addresses
}

func newEngine(config Config) (*engine, error) {
	interceptors, err := newInterceptors()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, err
	}

	e := &engine{interceptors: interceptors, certificate: *certificate, refused: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hiroba_sfu_addresses_refused_total",
		Help: "Addresses of clients that were not kept, since their connection had too many.",
	})}
	config.Registerer.MustRegister(e.refused)
	var muxes []ice.UDPMux
	for _, conn := range config.UDP {
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{
			UDPConn: conn, Logger: config.LoggerFactory.NewLogger("ice"),
		}))
	}
	e.udp = ice.NewMultiUDPMuxDefault(muxes...)

	settings := webrtc.SettingEngine{LoggerFactory: config.LoggerFactory}
	// The server has a public address or is told it: clients come to it, and
	// it needs no checks of its own (RFC 8445, 2.5).
	settings.SetLite(true)
	settings.SetICEUDPMux(e.udp)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetICETimeouts(disconnectedAfter, failedAfter, keepaliveEvery)
	settings.SetSCTPMaxMessageSize(dataMessageBytes)
	settings.DetachDataChannels() // see data.listen
	settings.SetReceiveMTU(packetBytes)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if config.TCP != nil {
		e.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: config.TCP, Logger: config.LoggerFactory.NewLogger("ice-tcp"),
			// A client that does not read must not hold up a worker: what does
			// not fit is dropped, as on UDP.
			ReadBufferSize: 64, WriteBufferSize: tcpWriteBuffer, FirstStunBindTimeout: 10 * time.Second,
		})
		settings.SetICETCPMux(e.tcp)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	settings.SetNetworkTypes(networks)
	// The server connects to nobody: a client could name any address.
	settings.DisableActiveTCP(true)
	// Each connection has a media engine of its own, see connection.
	settings.DisableMediaEngineCopy(true)
	if err := advertise(&settings, config); err != nil {
		return nil, err
	}
	e.settings = settings
	return e, nil
}

// advertise adds the public addresses to the candidates of each local
// address of the same family, loopback left out.
func advertise(settings *webrtc.SettingEngine, config Config) error {
	var v4, v6 []string
	for _, addr := range config.Advertise {
		if addr.Is4() {
			v4 = append(v4, addr.String())
		} else {
			v6 = append(v6, addr.String())
		}
	}
	var rules []webrtc.ICEAddressRewriteRule
	for _, conn := range config.UDP {
		local, ok := conn.LocalAddr().(*net.UDPAddr)
		if !ok || local.IP.IsLoopback() {
			continue
		}
		external := v6
		if local.IP.To4() != nil {
			external = v4
		}
		if len(external) > 0 {
			rules = append(rules, webrtc.ICEAddressRewriteRule{
				External: external, Local: local.IP.String(),
				AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteAppend,
			})
		}
	}
	if len(rules) == 0 {
		return nil
	}
	return settings.SetICEAddressRewriteRules(rules...)
}

// close ends the ports.
func (e *engine) close() error {
	err := e.udp.Close()
	if e.tcp != nil {
		if tcpErr := e.tcp.Close(); err == nil {
			err = tcpErr
		}
	}
	return err
}

// connection makes one PeerConnection, and the API to make its senders with:
// what was negotiated for the one is known to the other. Incoming packets wait
// in the intake's buffers; the client's addresses are counted.
func (e *engine) connection(intake *intake, addresses *addresses) (*webrtc.PeerConnection, *webrtc.API, error) {
	media, err := newMediaEngine()
	if err != nil {
		return nil, nil, err
	}
	settings := e.settings
	settings.BufferFactory = intake.buffer
	settings.SetICEBindingRequestHandler(new(follower).checked)
	addresses.refused = e.refused
	settings.SetRemoteIPFilter(addresses.admit)
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(e.interceptors),
		webrtc.WithSettingEngine(settings),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{e.certificate}})
	return pc, api, err
}

// newMediaEngine registers what is forwarded. The payload types are ours for
// offers that leave the choice; an answer takes those of the offer.
func newMediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	audio := []webrtc.RTPCodecParameters{{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
		},
		PayloadType: 111,
	}, {
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mimeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"},
		PayloadType:        63,
	}}
	for _, codec := range audio {
		if err := m.RegisterCodec(codec, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("codec %s: %w", codec.MimeType, err)
		}
	}

	feedback := []webrtc.RTCPFeedback{
		{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "transport-cc"},
	}
	payloadType := webrtc.PayloadType(96)
	for _, video := range []struct{ mime, fmtp string }{
		{webrtc.MimeTypeVP8, ""},
		{webrtc.MimeTypeVP9, "profile-id=0"},
		{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
		{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
		{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"},
		{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"},
		{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"},
		{webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"},
		{webrtc.MimeTypeAV1, ""},
	} {
		codec := webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: video.mime, ClockRate: 90000, SDPFmtpLine: video.fmtp, RTCPFeedback: feedback,
			},
			PayloadType: payloadType,
		}
		rtx := webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", payloadType),
			},
			PayloadType: payloadType + 1,
		}
		for _, c := range []webrtc.RTPCodecParameters{codec, rtx} {
			if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
				return nil, fmt.Errorf("codec %s %s: %w", c.MimeType, c.SDPFmtpLine, err)
			}
		}
		if payloadType += 2; payloadType == 110 {
			payloadType = 112 // 111 is Opus
		}
	}
	return m, registerExtensions(m)
}

const (
	uriAudioLevel       = sdp.AudioLevelURI
	uriVideoOrientation = "urn:3gpp:video-orientation"
	uriDescriptor       = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

// registerExtensions registers the RTP header extensions.
func registerExtensions(m *webrtc.MediaEngine) error {
	const audio, video = webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo
	const send, receive = webrtc.RTPTransceiverDirectionSendonly, webrtc.RTPTransceiverDirectionRecvonly
	for _, e := range []struct {
		uri        string
		kind       webrtc.RTPCodecType
		directions []webrtc.RTPTransceiverDirection
	}{
		{sdp.SDESMidURI, audio, []webrtc.RTPTransceiverDirection{receive}},
		{sdp.SDESMidURI, video, []webrtc.RTPTransceiverDirection{receive}},
		{sdp.SDESRTPStreamIDURI, video, []webrtc.RTPTransceiverDirection{receive}},
		{sdp.SDESRepairRTPStreamIDURI, video, []webrtc.RTPTransceiverDirection{receive}},
		{sdp.TransportCCURI, audio, []webrtc.RTPTransceiverDirection{send, receive}},
		{sdp.TransportCCURI, video, []webrtc.RTPTransceiverDirection{send, receive}},
		{uriDescriptor, video, []webrtc.RTPTransceiverDirection{send, receive}},
		{uriAudioLevel, audio, []webrtc.RTPTransceiverDirection{send, receive}},
		{uriVideoOrientation, video, []webrtc.RTPTransceiverDirection{send, receive}},
	} {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: e.uri}, e.kind, e.directions...); err != nil {
			return fmt.Errorf("header extension %s: %w", e.uri, err)
		}
	}
	return nil
}

// newInterceptors takes what earns its cost, all of it on the way in: NACKs,
// receiver reports and transport-wide feedback to publishers. The way out is
// our own.
func newInterceptors() (*interceptor.Registry, error) {
	registry := &interceptor.Registry{}
	nacks, err := nack.NewGeneratorInterceptor()
	if err != nil {
		return nil, err
	}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, err
	}
	feedback, err := twcc.NewSenderInterceptor()
	if err != nil {
		return nil, err
	}
	registry.Add(nacks)
	registry.Add(reports)
	registry.Add(feedback)
	return registry, nil
}

// idsOf picks the extensions that forwarding reads or writes.
func idsOf(parameters []webrtc.RTPHeaderExtensionParameter) (ids extensions) {
	for _, e := range parameters {
		// Only ids of the one-byte form (RFC 8285, 4.2) are written.
		if e.ID < 1 || e.ID > 14 {
			continue
		}
		switch e.URI {
		case uriAudioLevel:
			ids.level = uint8(e.ID)
		case uriVideoOrientation:
			ids.orientation = uint8(e.ID)
		case uriDescriptor:
			ids.descriptor = uint8(e.ID)
		case sdp.TransportCCURI:
			ids.transport = uint8(e.ID)
		}
	}
	return ids
}

// quiet is used where no logger factory is given.
func quiet() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
}
