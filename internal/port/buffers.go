package port

import (
	"log/slog"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

// tellBuffers logs once when the system gives the sockets less than they ask
// for. The limits are the system's, so all sockets have the same.
func tellBuffers(log *slog.Logger, buffers func() (read, write int)) {
	read, write := buffers()
	if read == 0 || write == 0 || min(read, write) >= udp.WantedBuffer {
		return // it does not tell, or gives all
	}
	log.Info("the system gives UDP sockets small buffers; bursts are lost at less load than this machine could carry",
		"read", read, "write", write, "wanted", udp.WantedBuffer,
		"advice", "raise net.core.rmem_max and net.core.wmem_max, with sysctl")
}
