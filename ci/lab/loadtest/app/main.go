// Command app is a service to load: a page, a slow request, an event stream, an upload,
// its version and its health. Whether it knows of drains is up to DRAIN_SECONDS.
//
// Variables:
//
//	LISTEN         the address, :8000 when empty
//	BASE           the path below which it answers, such as /lab; / when empty
//	VERSION        what /version and the header X-Version say
//	DRAIN_SECONDS  after SIGTERM: unhealthy at once, its streams ended in order, serving on
//	               for so long, then up to 25 s for what is under way. When empty or 0, a
//	               SIGTERM ends it at once, as a program that knows nothing of drains.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "healthy" {
		err = askHealth()
	} else {
		err = serve()
	}
	if err != nil {
		log.Fatal(err)
	}
}

func address() string {
	if listen := os.Getenv("LISTEN"); listen != "" {
		return listen
	}
	return ":8000"
}

// askHealth is the container's health check.
func askHealth() error {
	_, port, err := net.SplitHostPort(address())
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://" + net.JoinHostPort("127.0.0.1", port) + "/healthz")
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for health: status %d", answer.StatusCode)
	}
	return nil
}

// serve serves until a SIGTERM.
func serve() error {
	drain, err := drainTime()
	if err != nil {
		return err
	}
	a := newApp(os.Getenv("VERSION"))
	server := &http.Server{Addr: address(), Handler: a.routes(os.Getenv("BASE")), ReadHeaderTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	if drain == 0 {
		// A program that is process 1 of a container ignores a SIGTERM that it has no
		// handler for.
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		go func() { <-stop; os.Exit(0) }()
		return <-failed
	}
	ctx, done := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer done()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	a.goes()
	time.Sleep(drain)
	limited, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	return server.Shutdown(limited)
}

func drainTime() (time.Duration, error) {
	text := os.Getenv("DRAIN_SECONDS")
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 {
		return 0, fmt.Errorf("DRAIN_SECONDS is not a number of seconds")
	}
	return time.Duration(seconds) * time.Second, nil
}
