package port

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/udp"
)

func TestSmallBuffersAreTold(t *testing.T) {
	for _, c := range []struct {
		read, write int
		told        bool
	}{
		{udp.WantedBuffer, udp.WantedBuffer, false},
		{2 * udp.WantedBuffer, udp.WantedBuffer, false},
		{212992, udp.WantedBuffer, true},
		{udp.WantedBuffer, 212992, true},
		{0, 0, false}, // a system that does not say
	} {
		var out bytes.Buffer
		tellBuffers(slog.New(slog.NewTextHandler(&out, nil)), func() (int, int) { return c.read, c.write })
		if told := strings.Contains(out.String(), "rmem_max"); told != c.told {
			t.Errorf("buffers of %d and %d bytes: the log says %q", c.read, c.write, out.String())
		}
	}
}
