package turn

import (
	"errors"
	"net/netip"

	"github.com/pion/stun/v4"
)

// tcpAllocation is the TCP side of an allocation (RFC 6062).
type tcpAllocation struct{ announced netip.AddrPort }

type connections struct{}

func (c *connections) close() {}

func (s *Server) newTCPAllocation(*allocation, netip.Addr) (*tcpAllocation, error) {
	return nil, errors.New("turn: no TCP")
}
func (t *tcpAllocation) close()         {}
func (t *tcpAllocation) revoke(*policy) {}
func (r *request) connect()             { r.refuse(stun.CodeBadRequest, refusedMethod) }
func (r *request) connectionBind()      { r.refuse(stun.CodeBadRequest, refusedMethod) }
