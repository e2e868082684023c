package load

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Usage is what a server has used, and uses.
type Usage struct {
	CPU      time.Duration // since it began
	Resident uint64        // bytes of memory
}

// Gauge reads what the server uses.
type Gauge struct {
	read func(ctx context.Context) (Usage, error)
	// cheap says that reading costs the server nothing, so that it may be done
	// every second.
	cheap bool
	// Source names it for the report.
	Source string
}

// Process reads the usage of a process on this machine, which is Linux.
func Process(pid int) Gauge {
	return Gauge{
		read:   func(context.Context) (Usage, error) { return processUsage(pid) },
		cheap:  true,
		Source: fmt.Sprintf("process %d", pid),
	}
}

// Metrics reads the usage of a server from its /metrics.
func Metrics(url string) Gauge {
	url = strings.TrimSuffix(url, "/") + "/metrics"
	return Gauge{
		read:   func(ctx context.Context) (Usage, error) { return metricsUsage(ctx, url) },
		Source: url,
	}
}

func metricsUsage(ctx context.Context, url string) (u Usage, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return u, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return u, fmt.Errorf("reading the server's metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return u, fmt.Errorf("%s answers %s; from another machine it answers only with metrics.public", url, response.Status)
	}
	found := 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "process_cpu_seconds_total":
			u.CPU = time.Duration(n * float64(time.Second))
			found++
		case name == "process_resident_memory_bytes":
			u.Resident = uint64(n)
			found++
		}
	}
	if found != 2 {
		return u, fmt.Errorf("%s has not process_cpu_seconds_total and process_resident_memory_bytes", url)
	}
	return u, nil
}

// Read is what the server has used by now.
func (g *Gauge) Read(ctx context.Context) (Usage, error) { return g.read(ctx) }
