package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks")) // which never ends
}

var quiet = slog.New(slog.DiscardHandler)

// write puts a certificate for a name into two files.
func write(t *testing.T, folder, name string, now time.Time) (certificate, key string) {
	t.Helper()
	made := filepath.Join(t.TempDir(), "both.pem")
	if _, _, err := makeSelfSigned(made, SelfSignedConfig{Names: []string{name}}, now); err != nil {
		t.Fatal(err)
	}
	both, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(folder, "chain.pem"), filepath.Join(folder, "key.pem")
	for _, path := range []string{certificate, key} { // each reader takes its own blocks
		if err := os.WriteFile(path, both, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// name is whom the certificate that is shown is for.
func name(t *testing.T, s Source) string {
	t.Helper()
	certificate, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := leafOf(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return leaf.DNSNames[0]
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	folder := t.TempDir()
	certificate, key := write(t, folder, "first.example", time.Now())
	files, err := openFiles(FilesConfig{Certificate: certificate, Key: key, Logger: quiet}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if got := name(t, files); got != "first.example" {
		t.Errorf("at first %s is shown", got)
	}
	write(t, folder, "second.example", time.Now())
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); name(t, files) != "second.example"; <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatal("the change is not seen")
		}
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	folder := t.TempDir()
	certificate, key := write(t, folder, "a.example", time.Now())
	bad := filepath.Join(folder, "bad.pem")
	if err := os.WriteFile(bad, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]FilesConfig{
		"no certificate":    {Certificate: filepath.Join(folder, "missing.pem"), Key: key},
		"no key":            {Certificate: certificate, Key: filepath.Join(folder, "missing.pem")},
		"a folder":          {Certificate: folder, Key: key},
		"not a certificate": {Certificate: bad, Key: key},
		"not a key":         {Certificate: certificate, Key: bad},
	} {
		t.Run(name, func(t *testing.T) {
			config.Logger = quiet
			if files, err := OpenFiles(config); err == nil {
				files.Close()
				t.Error("no error")
			}
		})
	}
}

// Both files have to be new and at rest before they are judged, and are judged
// once.
func TestChanges(t *testing.T) {
	sum := func(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }
	c := changes{tried: sum("a")}
	for i, step := range []struct {
		there string
		due   bool
	}{{"a", false}, {"a", false}, {"half", false}, {"b", false}, {"b", true}, {"b", false}, {"c", false}, {"b", false}, {"b", false}, {"a", false}, {"a", true}} {
		if got := c.due(sum(step.there)); got != step.due {
			t.Errorf("step %d, %s: due is %t", i, step.there, got)
		}
	}
}

func TestSelfSignedIsKeptWhileItFits(t *testing.T) {
	config := SelfSignedConfig{
		Names: []string{"localhost"}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		Directory: filepath.Join(t.TempDir(), "made", "here"), Logger: quiet, Registerer: prometheus.NewRegistry(),
	}
	serial := func() string {
		config.Registerer = nil
		s, err := NewSelfSigned(config)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := leafOf(s.certificate)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"localhost", "192.0.2.1", "2001:db8::1"} {
			if err := leaf.VerifyHostname(name); err != nil {
				t.Error(err)
			}
		}
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 825*24*time.Hour {
			t.Errorf("it is good for %v", life)
		}
		return leaf.SerialNumber.String()
	}
	first := serial()
	if again := serial(); again != first {
		t.Error("another one was made although the first fits")
	}
	path := filepath.Join(config.Directory, selfSignedFile)
	for path, want := range map[string]os.FileMode{path: 0o600, config.Directory: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	config.Addresses = append(config.Addresses, netip.MustParseAddr("192.0.2.2"))
	second := serial()
	if second == first {
		t.Error("the first one was kept although an address is new")
	}
	if _, _, err := makeSelfSigned(path, config, time.Now().Add(-selfSignedLife+time.Hour)); err != nil {
		t.Fatal(err)
	}
	if third := serial(); third == second {
		t.Error("one that ends within the hour was kept")
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	serial()
}
