package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Router is what stands between a home and the network. Each kind gives the
// whole home one address, as home routers do, and lets in what answers to
// something that went out, from whoever that went to, and nothing else: address
// and port-dependent filtering (RFC 4787, section 5).
type Router int

// The kinds of routers.
const (
	// Cone keeps the port of what goes out, whoever it goes to:
	// endpoint-independent mapping (RFC 4787, section 4.1).
	Cone Router = iota
	// Symmetric takes another port, at random, for each destination: address and
	// port-dependent mapping.
	Symmetric
	// NoUDP is a Cone that drops UDP.
	NoUDP
	// OnlyHTTPS is a Cone that lets out TCP to port 443, and drops all else.
	OnlyHTTPS
)

func (r Router) String() string {
	return [...]string{"cone", "symmetric", "no UDP", "only TCP 443"}[r]
}

// lan is what a router calls its interface toward its home.
const lan = "lan"

// rules are what nft is to do in a router, whose way to the network has this
// device. What comes uninvited is dropped before it leaves a trace: otherwise
// the port of somebody who knocks too early would be taken when the home
// answers, and that would come from another one.
func (r Router) rules(device string) string {
	masquerade, policy, through := "masquerade", "accept", ""
	switch r {
	case Symmetric:
		masquerade = "masquerade random,fully-random"
	case NoUDP:
		through = "meta l4proto udp drop"
	case OnlyHTTPS:
		policy = "drop"
		through = "ct state established,related accept; iifname " + lan + " tcp dport 443 accept"
	}
	return fmt.Sprintf(`table ip home {
	chain out { type nat hook postrouting priority 100; oifname %[1]q %[2]s; }
	chain in { type filter hook input priority 0; iifname %[1]q ct state new drop; }
	chain through { type filter hook forward priority 0; policy %[3]s; iifname %[1]q ct state new drop; %[4]s; }
}
`, device, masquerade, policy, through)
}

// Home is a namespace with a private address, behind a router.
type Home struct {
	*Namespace
	// Router is the router's way to the server and to other routers; its address
	// is all that they see of the home.
	Router *Client
}

// ReadyForHomes returns an error that says what this machine lacks for routers,
// besides what Ready looks for.
func ReadyForHomes() error {
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("the routers of the lab are made by the nft command: install nftables (Debian: apt-get install nftables)")
	}
	return nil
}

// JoinHome adds a home behind a router, whose way to the server has these
// shapes. Homes reach the server and each other's routers.
func (n *Network) JoinHome(router Router, down, up Shape) (*Home, error) {
	if err := ReadyForHomes(); err != nil {
		return nil, err
	}
	way, err := n.Join(down, up)
	if err != nil {
		return nil, err
	}
	number := len(n.clients)
	namespace, err := newNamespace(fmt.Sprintf("home%d", number))
	if err != nil {
		return nil, err
	}
	h := &Home{Namespace: namespace, Router: way}
	if err := h.connect(n.Server, router, number); err != nil {
		return nil, errors.Join(err, h.close())
	}
	n.homes = append(n.homes, h)
	return h, nil
}

// connect joins the home to its router by a pair of virtual Ethernet devices,
// and has the router, and the server's namespace between routers, pass on
// packets.
func (h *Home) connect(server *Namespace, router Router, number int) error {
	const device = "home"
	network := fmt.Sprintf("10.0.%d.", number)
	if err := errors.Join(
		h.ip("link", "add", device, "type", "veth", "peer", "name", lan, "netns", h.Router.Name),
		h.ip("addr", "add", network+"2/24", "dev", device),
		h.ip("link", "set", device, "addrgenmode", "none", "up"),
		h.Router.ip("addr", "add", network+"1/24", "dev", lan),
		h.Router.ip("link", "set", lan, "addrgenmode", "none", "up"),
		h.ip("route", "add", "default", "via", network+"1"),
	); err != nil {
		return err
	}
	for _, at := range []*Namespace{h.Router.Namespace, server} {
		if err := at.run("echo 1 >/proc/sys/net/ipv4/ip_forward", "sh"); err != nil {
			return err
		}
	}
	return h.Router.run(router.rules(h.Router.device), "nft", "-f", "-")
}

// run runs a command in the namespace that reads what it is to do.
func (n *Namespace) run(input, name string, args ...string) error {
	command := exec.Command(name, args...)
	n.Enter(command)
	command.Stdin = strings.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("lab: %s: %w: %s: %s", name, err, strings.TrimSpace(input), strings.TrimSpace(string(out)))
	}
	return nil
}
