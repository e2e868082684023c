package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/transport"
)

// iceServer is one entry of the iceServers of an RTCConfiguration.
type iceServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// ice is GET /v1/ice: STUN and TURN for whoever has an access token, whatever
// it allows, as an RTCConfiguration that a page can use as it is.
func (a *API) ice(w http.ResponseWriter, r *http.Request) {
	if r.Body == http.NoBody {
		lineOf(r.Context()).endRead()
	} else if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // without waiting for what nobody reads
	}
	who, reason := a.admit(r.RemoteAddr, r.Header)
	if reason != nil {
		a.metrics.count("ice", refused(reason))
		transport.Refuse(w, reason)
		return
	}
	answer := struct {
		ICEServers []iceServer `json:"iceServers"`
	}{[]iceServer{}}
	for _, s := range a.iceServers(transport.Caller(r, "ice").Host, relayUser(who.User)) {
		answer.ICEServers = append(answer.ICEServers, iceServer{s.GetUrls(), s.GetUsername(), s.GetCredential()})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	err := json.NewEncoder(w).Encode(answer)
	if err != nil {
		err = gone(r.Context(), err)
	}
	a.metrics.count("ice", err)
}

func (a *API) iceServers(host, user string) []*protocol.IceServer {
	if a.config.ICEServers == nil {
		return nil
	}
	return a.config.ICEServers(host, user)
}

// relayUser is how a user is called at the relay, where limits are counted for
// each. It crosses networks in the clear, so it is not the name itself. Those
// that have none are strangers to each other.
func relayUser(user string) string {
	if user == "" {
		return rand.Text()
	}
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:12])
}
