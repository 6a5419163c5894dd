// Command app is a service for the tests: it waits, crashes, is unhealthy, ends or
// answers requests badly, as its image says. By another name, such as pg_isready, it
// is a health check.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// lifetime is how long a service lives that crashes before it is healthy, and service
// how long one serves, from its first request on, that crashes then: on a busy machine
// too, a deploy has to have found it healthy before.
const (
	lifetime = 5 * time.Second
	service  = 15 * time.Second
)

func main() {
	behaviour := os.Getenv("BEHAVIOUR")
	if filepath.Base(os.Args[0]) != "app" || isExec() {
		return // a health check or a hook, which succeeds
	}
	if len(os.Args) > 1 && os.Args[1] == "healthy" {
		if behaviour == "sick" || behaviour == "late" {
			fmt.Println("not well")
			os.Exit(1)
		}
		return
	}
	fmt.Printf("this is %s\n", behaviour)
	if behaviour == "crash" {
		fmt.Printf("cannot log in to the database with %s\n", os.Getenv("PASSWORD"))
		os.Exit(3)
	}
	// A value can break a release that works with another.
	if os.Getenv("PASSWORD") == "wrong-password" {
		fmt.Println("the database refused the password")
		os.Exit(4)
	}
	switch behaviour {
	case "ends", "job":
		return
	case "late": // it crashes before it is healthy
		time.Sleep(lifetime)
		os.Exit(3)
	case "dies": // it crashes when it serves
		go serve(http.StatusOK)
		<-asked
		time.Sleep(service)
		os.Exit(3)
	case "broken":
		go serve(http.StatusInternalServerError)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	<-stop
}

// isExec reports whether docker exec started the program, for a hook. Health checks
// of the tests' own manifests have the argument healthy.
func isExec() bool {
	healthy := len(os.Args) > 1 && os.Args[1] == "healthy"
	return os.Getpid() != 1 && os.Getppid() == 0 && !healthy
}

// asked has an element from the first request on.
var asked = make(chan struct{}, 1)

// serve answers every request with a status.
func serve(status int) {
	err := http.ListenAndServe(":8000", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		w.WriteHeader(status)
		fmt.Fprintln(w, "<title>app</title>")
	}))
	fmt.Println(err)
}
