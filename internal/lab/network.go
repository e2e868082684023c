package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// Network is a server's namespace and those of its clients, each behind a link
// of its own.
type Network struct {
	// Server is where the server runs; it has one address, ServerAddr.
	Server *Namespace

	clients []*Client
	homes   []*Home
}

// Client is a namespace that reaches the server, and nobody else, through its
// link.
type Client struct {
	*Namespace
	Addr netip.Addr
	// Down is the link toward the client, Up the one toward the server.
	Down, Up *Wire

	device  string // the link's, at the client's end
	ends    []*os.File
	running sync.WaitGroup
}

// ServerAddr is the server's address. The range is the one that RFC 2544 keeps
// for laboratories, so that it meets no network that the machine is in.
var ServerAddr = netip.MustParseAddr("198.18.0.1")

// Ready returns an error that says what this machine lacks for a lab.
func Ready() error {
	if os.Geteuid() != 0 {
		return errors.New("the network lab makes network namespaces, which takes root: run it as root (sudo make lab)")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("the network lab needs the ip command: install iproute2")
	}
	end, err := openTUN(device(0))
	if err != nil {
		return err
	}
	return end.Close()
}

// device is the name of a TUN device of this process; the kernel lets names
// have 15 letters. Each is in the machine's own network for a moment, and then
// in one of the lab's, where it must be alone with its name too.
func device(number int) string { return fmt.Sprintf("lab%d-%d", os.Getpid(), number) }

// New makes a network without clients. Whoever makes one has to close it.
func New() (*Network, error) {
	if err := Ready(); err != nil {
		return nil, err
	}
	if err := sweep(); err != nil {
		return nil, err
	}
	server, err := newNamespace("server")
	if err != nil {
		return nil, err
	}
	// Held by the loopback interface, so that it is there before any link is.
	if err := server.ip("addr", "add", ServerAddr.String()+"/32", "dev", "lo"); err != nil {
		return nil, errors.Join(err, server.close())
	}
	return &Network{Server: server}, nil
}

// Join adds a client behind a link whose directions have these shapes.
func (n *Network) Join(down, up Shape) (*Client, error) {
	number := len(n.clients) + 1
	if number > 200 {
		return nil, errors.New("lab: 200 clients are the most")
	}
	namespace, err := newNamespace(strconv.Itoa(number))
	if err != nil {
		return nil, err
	}
	c := &Client{Namespace: namespace, Addr: netip.AddrFrom4([4]byte{198, 18, 0, byte(number + 1)})}
	if err := c.connect(n.Server, number); err != nil {
		return nil, errors.Join(err, c.close())
	}
	near, far := c.ends[0], c.ends[1]
	c.Down = newWire(near, NewLine(down, uint64(2*number)))
	c.Up = newWire(far, NewLine(up, uint64(2*number+1)))
	c.running.Go(func() { c.Down.run(far) })
	c.running.Go(func() { c.Up.run(near) })
	n.clients = append(n.clients, c)
	return c, nil
}

// connect makes a TUN device at either end of the link, and the routes.
func (c *Client) connect(server *Namespace, number int) error {
	for i, end := range []struct {
		at         *Namespace
		own, other netip.Addr
	}{{c.Namespace, c.Addr, ServerAddr}, {server, ServerAddr, c.Addr}} {
		device := device(2*number + i)
		file, err := openTUN(device)
		if err != nil {
			return err
		}
		c.ends = append(c.ends, file)
		if err := errors.Join(
			ip("link", "set", device, "netns", end.at.Name),
			end.at.ip("link", "set", device, "addrgenmode", "none"), // IPv6 stays quiet
			end.at.ip("link", "set", device, "mtu", "1500", "up"),
		); err != nil {
			return err
		}
		if end.at == c.Namespace {
			c.device = device
			err = errors.Join(
				end.at.ip("addr", "add", end.own.String()+"/32", "dev", device),
				// Browsers look for the interface of their default route.
				end.at.ip("route", "add", "default", "dev", device))
		} else {
			err = end.at.ip("route", "add", end.other.String()+"/32", "dev", device, "src", end.own.String())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// close ends the link, which ends its devices, and removes the namespace.
func (c *Client) close() error {
	var errs []error
	for _, end := range c.ends {
		errs = append(errs, end.Close())
	}
	c.running.Wait()
	return errors.Join(append(errs, c.Namespace.close())...)
}

// Close removes everything. Processes in the namespaces have to end before.
func (n *Network) Close() error {
	var errs []error
	for _, h := range n.homes {
		errs = append(errs, h.close())
	}
	for _, c := range n.clients {
		errs = append(errs, c.close())
	}
	if err := errors.Join(append(errs, n.Server.close())...); err != nil {
		return fmt.Errorf("lab: closing the network: %w", err)
	}
	return nil
}
