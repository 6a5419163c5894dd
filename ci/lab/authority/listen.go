package authority

import (
	"crypto/tls"
	"fmt"
	"net"
)

// Listen listens at addr with TLS, and without where no certificate is given.
func Listen(addr, certificateFile, keyFile string) (net.Listener, error) {
	if certificateFile == "" {
		return net.Listen("tcp", addr)
	}
	certificate, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of a stand-in: %w", err)
	}
	return tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
}
