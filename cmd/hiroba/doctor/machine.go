package doctor

import (
	"fmt"
	"net/netip"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// wantedFiles is what a server with the default limits can have open: its sessions,
// its allocations, and as many TCP connections of both.
const wantedFiles = 16384

// machine looks at this machine as one that a server is to run on.
func (e *exam) machine() {
	state, detail, err := Works, "", error(nil)
	socket, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		state, detail = Fails, err.Error()
	} else {
		defer socket.Close()
		state, detail = judgeBuffers(socket.Buffers())
	}
	e.note(Result{Leg: Buffers, State: state, Detail: detail})
	files, ok := openFiles()
	if !ok {
		e.skip(NotOffered, "this system does not tell", Files)
		return
	}
	state, detail = judgeFiles(files)
	e.note(Result{Leg: Files, State: state, Detail: detail})
}

// judgeBuffers says whether UDP sockets get the buffers that they ask for.
func judgeBuffers(read, write int) (State, string) {
	switch {
	case read == 0 && write == 0:
		return NotOffered, "this system does not tell"
	case min(read, write) < udp.WantedBuffer:
		return Limited, fmt.Sprintf("the system gives %d KiB to receive and %d KiB to send of the %d KiB asked for", read>>10, write>>10, udp.WantedBuffer>>10)
	}
	return Works, fmt.Sprintf("%d KiB each way", udp.WantedBuffer>>10)
}

// judgeFiles says whether a process may have enough files open. The hard limit
// counts: the server raises its soft one to that.
func judgeFiles(hard uint64) (State, string) {
	if hard < wantedFiles {
		return Limited, fmt.Sprintf("a process may have %d; a full server has up to %d", hard, wantedFiles)
	}
	return Works, fmt.Sprintf("a process may have %d", hard)
}
