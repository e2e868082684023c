package rpc_test

import (
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
	"github.com/hiroba-rtc/hiroba/signaling/transport/rpc"
)

// Behind TLS, HTTP/2 is negotiated, and all is as it is without.
func TestOverTLS(t *testing.T) {
	service := newService(t, prometheus.NewRegistry(), nil)
	handler := rpc.New(service)
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	defer handler.Wait()
	defer func() {
		if err := service.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	come := func(halves bool, p place, options ...connect.ClientOption) *visitor {
		return comeTo(t, protocolconnect.NewSignalServiceClient(server.Client(), server.URL, options...), halves, p)
	}
	ann, bob := come(false, place{}, connect.WithGRPC()), come(true, place{}, connect.WithGRPCWeb())
	for _, v := range []*visitor{ann, bob} {
		v.welcome()
		v.ask(&protocol.ClientMessage{Body: join})
	}
	ann.say(text("hello"))
	bob.hears("hello")
	bob.say(text("hi"))
	ann.hears("hi")
	again := come(false, ann.back())
	again.welcome()
	_, err := ann.ends()
	refused(t, err, connect.CodeAborted, protocol.Error_FENCED)
	bob.say(text("back?"))
	again.hears("back?")
}
