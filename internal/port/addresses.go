package port

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// udpAddresses returns the local addresses that get a UDP socket for a host
// to listen on; see Config.Host.
func udpAddresses(host netip.Addr) ([]netip.Addr, error) {
	if host.IsValid() && !host.IsUnspecified() && !host.IsLoopback() {
		return []netip.Addr{host}, nil
	}
	addrs, err := machineAddresses()
	if err != nil {
		return nil, err
	}
	if host.IsLoopback() && !slices.Contains(addrs, host) {
		addrs = append(addrs, host) // 127.0.0.2 and the like are on no interface's list
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("port: no network interface of this machine is up, so there is no address to listen on for UDP")
	}
	return addrs, nil
}

// machineAddresses lists the unicast addresses of the interfaces that are up,
// without link-local ones: those mean nothing without an interface's name,
// which ICE candidates do not carry.
func machineAddresses() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("port: listing the network interfaces: %w", err)
	}
	var addrs []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		listed, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("port: listing the addresses of %s: %w", i.Name, err)
		}
		for _, a := range listed {
			prefix, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(prefix.IP)
			addr = addr.Unmap()
			if !ok || addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(addrs, addr) {
				continue
			}
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}
