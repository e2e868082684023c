package port

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"

	"github.com/hiroba-rtc/hiroba/internal/records"
)

// agreement collects what a handshake agrees on. The library tells the secret
// only by its key log, a line of the format that NSS has (SSLKEYLOGFILE), so it
// is taken from there; it goes no further.
type agreement struct {
	secrets records.Secrets
}

// hello is called with the ServerHello.
func (a *agreement) hello(m handshake.MessageServerHello) handshake.Message {
	random := m.Random.MarshalFixed()
	a.secrets.ServerRandom = random[:]
	if m.CipherSuiteID != nil {
		a.secrets.Suite = dtls.CipherSuiteID(*m.CipherSuiteID)
	}
	return &m
}

// Write takes the line of the key log.
func (a *agreement) Write(line []byte) (int, error) {
	fields := strings.Fields(string(line))
	if len(fields) != 3 || fields[0] != "CLIENT_RANDOM" {
		return 0, fmt.Errorf("port: a line of the key log with %d fields; the secret of DTLS 1.2 has three, CLIENT_RANDOM first", len(fields))
	}
	var err error
	if a.secrets.ClientRandom, err = hex.DecodeString(fields[1]); err != nil {
		return 0, err
	}
	if a.secrets.Master, err = hex.DecodeString(fields[2]); err != nil {
		return 0, err
	}
	return len(line), nil
}
