package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/certificate"
)

// startCertificates begins with the certificates that the configuration asks
// for; nil if it asks for none.
func startCertificates(config configs.Config, log *slog.Logger, registry prometheus.Registerer) (certificate.Source, error) {
	switch {
	case config.TLS.Certificate != "":
		return certificate.OpenFiles(certificate.FilesConfig{
			Certificate: config.TLS.Certificate, Key: config.TLS.Key, Logger: log, Registerer: registry,
		})
	case len(config.Domains) > 0:
		directory, err := certificateDirectory(config, "acme")
		if err != nil {
			return nil, err
		}
		return certificate.NewACME(certificate.ACMEConfig{
			Domains: config.Domains, URL: config.TLS.ACMEURL, Email: config.TLS.ACMEEmail, Directory: directory,
			Logger: log, Registerer: registry,
		})
	case config.LAN:
		directory, err := certificateDirectory(config, "lan")
		if err != nil {
			return nil, err
		}
		names := []string{"localhost"}
		if name, err := os.Hostname(); err == nil {
			names = append(names, name, name+".local") // as multicast DNS (RFC 6762) has it
		}
		return certificate.NewSelfSigned(certificate.SelfSignedConfig{
			Names: names, Addresses: append(machineAddrs(), loopbacks...), Directory: directory,
			Logger: log, Registerer: registry,
		})
	}
	return nil, nil
}

// certificateDirectory is where one kind of certificates is kept.
func certificateDirectory(config configs.Config, kind string) (string, error) {
	directory := config.TLS.Directory
	if directory == "" {
		directory = os.Getenv("STATE_DIRECTORY") // systemd.exec(5)
	}
	if directory == "" {
		home, err := os.UserConfigDir()
		if err != nil {
			return "", fmt.Errorf("there is no place to keep certificates: %w; set tls.directory to a folder of the server's own", err)
		}
		directory = filepath.Join(home, "hiroba")
	}
	return filepath.Join(directory, kind), nil
}

// secureWith is how a port speaks TLS with certificates; nil without.
func secureWith(source certificate.Source) *tls.Config {
	if source == nil {
		return nil
	}
	config := &tls.Config{GetCertificate: source.GetCertificate, MinVersion: tls.VersionTLS12}
	if _, ok := source.(*certificate.ACME); ok {
		config.NextProtos = []string{certificate.NextProto}
	}
	return config
}
