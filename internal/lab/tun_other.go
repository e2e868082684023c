//go:build !linux

package lab

import (
	"errors"
	"os"
)

func openTUN(string) (*os.File, error) {
	return nil, errors.New("the network lab is made of network namespaces, which only Linux has: run it there")
}
