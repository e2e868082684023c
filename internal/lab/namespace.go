package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Namespace is a network of its own, with a loopback interface.
type Namespace struct {
	// Name is how `ip netns` calls it.
	Name string
}

const prefix = "hiroba-lab-"

// newNamespace makes a namespace that belongs to this process.
func newNamespace(name string) (*Namespace, error) {
	n := &Namespace{Name: fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), name)}
	if err := ip("netns", "add", n.Name); err != nil {
		return nil, err
	}
	if err := n.ip("link", "set", "lo", "up"); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// Enter has a command that was not started yet run in the namespace. Its files
// and its process id stay its own.
func (n *Namespace) Enter(command *exec.Cmd) {
	command.Args = append([]string{"ip", "netns", "exec", n.Name, command.Path}, command.Args[1:]...)
	if path, err := exec.LookPath("ip"); err != nil {
		command.Err = err
	} else {
		command.Path = path
	}
}

func (n *Namespace) ip(args ...string) error {
	return ip(append([]string{"-n", n.Name}, args...)...)
}

func (n *Namespace) close() error { return ip("netns", "del", n.Name) }

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("lab: ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// sweep removes the namespaces of processes that ended without doing so.
func sweep() error {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("lab: ip netns list: %w", err)
	}
	var errs []error
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, prefix)
		owner, _, _ := strings.Cut(rest, "-")
		if _, err := strconv.Atoi(owner); !ours || err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + owner); errors.Is(err, os.ErrNotExist) {
			errs = append(errs, ip("netns", "del", name))
		}
	}
	return errors.Join(errs...)
}
