package udp

import (
	"net"
	"strconv"
)

// zoneNumber remembers the number of the last IPv6 zone, which is an interface:
// a socket has to do with one only.
type zoneNumber struct {
	name   string
	number uint32
}

// of is the number of a zone that is given by name or by number; 0 when there
// is none of the name.
func (z *zoneNumber) of(name string) uint32 {
	if name == z.name {
		return z.number
	}
	z.name, z.number = name, 0
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		z.number = uint32(n)
	} else if i, err := net.InterfaceByName(name); err == nil {
		z.number = uint32(i.Index)
	}
	return z.number
}

// zoneName remembers the name of the last zone.
type zoneName struct {
	number uint32
	name   string
}

// of is the name of a zone, as package net has it: the interface's, or the
// number when that is gone.
func (z *zoneName) of(number uint32) string {
	if number == z.number {
		return z.name
	}
	z.number, z.name = number, strconv.FormatUint(uint64(number), 10)
	if i, err := net.InterfaceByIndex(int(number)); err == nil {
		z.name = i.Name
	}
	return z.name
}
