package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pollInterval is how often the files are looked at. They are read and compared
// whole: no other way notices a change through links and mounts everywhere.
const pollInterval = 5 * time.Second

// largestFile is more than any chain of certificates has, in bytes.
const largestFile = 1 << 20

// FilesConfig says which files.
type FilesConfig struct {
	// Certificate has the chain, Key the private key, both in PEM.
	Certificate, Key string

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are not registered
}

// Files is a certificate in files. When they change, or on Reload, the new one
// takes the place of the old one, unless it is of no use.
type Files struct {
	config  FilesConfig
	counts  *counts
	current atomic.Pointer[tls.Certificate]
	done    chan struct{}
	polling sync.WaitGroup

	mu     sync.Mutex // guards latest
	latest changes
}

// OpenFiles reads the files. An error names the file and what is wrong with it.
func OpenFiles(config FilesConfig) (*Files, error) {
	return openFiles(config, pollInterval)
}

func openFiles(config FilesConfig, interval time.Duration) (*Files, error) {
	f := &Files{config: config, counts: newCounts(config.Registerer), done: make(chan struct{})}
	both, err := f.read()
	if err != nil {
		return nil, err
	}
	if err := f.use(both, time.Time{}); err != nil {
		return nil, err
	}
	f.latest.tried = both.sum()
	f.polling.Go(func() { f.poll(interval) })
	return f, nil
}

// GetCertificate implements Source.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// Reload implements Source: it reads the files at once.
func (f *Files) Reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	both, err := f.read()
	if err == nil {
		f.latest.tried = both.sum()
		err = f.use(both, time.Now())
	}
	f.tell(err)
}

// Close implements Source.
func (f *Files) Close() {
	close(f.done)
	f.polling.Wait()
}

// poll looks for changes until the end.
func (f *Files) poll(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.look()
		case <-f.done:
			return
		}
	}
}

// look takes what is new and has settled. Files that cannot be read are not
// there for the moment, as while they are replaced; Reload complains.
func (f *Files) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	both, err := f.read()
	if err == nil && f.latest.due(both.sum()) {
		f.tell(f.use(both, time.Now()))
	}
}

func (f *Files) tell(err error) {
	f.counts.tried(err)
	if err != nil {
		f.config.Logger.Error("the new certificate cannot be used; going on with the one before", "err", err)
	}
}

// pair is what both files hold.
type pair struct{ certificate, key []byte }

func (p pair) sum() [sha256.Size]byte {
	inner := sha256.Sum256(p.certificate)
	return sha256.Sum256(append(inner[:], p.key...))
}

func (f *Files) read() (p pair, err error) {
	if p.certificate, err = readBounded(f.config.Certificate); err != nil {
		return p, fmt.Errorf("certificate: the certificate cannot be read: %w", err)
	}
	if p.key, err = readBounded(f.config.Key); err != nil {
		return p, fmt.Errorf("certificate: the private key cannot be read: %w", err)
	}
	return p, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largestFile {
		return nil, fmt.Errorf("%s is no file of at most 1 MiB", path)
	}
	return os.ReadFile(path)
}

// use shows the certificate from now on, if it is good. One that is stale
// replaces no other; with a zero now it is used all the same.
func (f *Files) use(p pair, now time.Time) error {
	certificate, err := tls.X509KeyPair(p.certificate, p.key)
	if err != nil {
		return fmt.Errorf("certificate: %s and %s do not make a certificate with its key: %w", f.config.Certificate, f.config.Key, err)
	}
	leaf, err := leafOf(&certificate)
	if err != nil {
		return fmt.Errorf("certificate: %s: %w", f.config.Certificate, err)
	}
	if !now.IsZero() {
		if err := stale(leaf, now); err != nil {
			return fmt.Errorf("certificate: %s: %w", f.config.Certificate, err)
		}
	} else if err := stale(leaf, time.Now()); err != nil {
		f.config.Logger.Error("clients will not take the certificate", "file", f.config.Certificate, "err", err)
	}
	f.current.Store(&certificate)
	f.counts.expire(leaf.NotAfter)
	f.config.Logger.Info("using a certificate", "file", f.config.Certificate, "names", namesOf(leaf), "expires", leaf.NotAfter)
	return nil
}

// changes tells when files have changed and come to rest: a certificate and its
// key are two files, and are not written in one moment.
type changes struct {
	tried [sha256.Size]byte // what was judged last
	seen  [sha256.Size]byte // what was there last
}

// due takes what is there now, and says whether it is time to judge it: once,
// when it is new and is there for the second time in a row.
func (c *changes) due(sum [sha256.Size]byte) bool {
	settled := c.seen == sum
	c.seen = sum
	if !settled || c.tried == sum {
		return false
	}
	c.tried = sum
	return true
}
