package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openTUN makes a TUN device, which ends with its file: each Read gives one IP
// packet that was sent to the device, each Write has it receive one.
func openTUN(device string) (*os.File, error) {
	const path = "/dev/net/tun"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("the network lab joins its networks by TUN devices, but %s cannot be opened (%w): "+
			"load the module tun; a container needs --device /dev/net/tun --cap-add NET_ADMIN --cap-add SYS_ADMIN", path, err)
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("the network lab cannot make a TUN device (%w): it needs the capability NET_ADMIN", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
