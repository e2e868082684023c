package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// processUsage asks for the CPU time clock of the process (clock_getcpuclockid(3)),
// which counts nanoseconds where /proc counts hundredths of a second.
func processUsage(pid int) (Usage, error) {
	var total, resident uint64 // pages
	name := fmt.Sprintf("/proc/%d/statm", pid)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Usage{}, fmt.Errorf("there is no process %d on this machine", pid)
	}
	if err != nil {
		return Usage{}, fmt.Errorf("process %d cannot be looked at: %w", pid, err)
	}
	const scheduler = 2 // CPUCLOCK_SCHED
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduler, &used); err != nil {
		return Usage{}, fmt.Errorf("process %d cannot be looked at: %w", pid, err)
	}
	if _, err := fmt.Sscan(string(data), &total, &resident); err != nil {
		return Usage{}, fmt.Errorf("%s: %w", name, err)
	}
	return Usage{CPU: time.Duration(used.Nano()), Resident: resident * uint64(os.Getpagesize())}, nil
}
