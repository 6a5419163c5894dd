// Command app is a service for the tests: it waits, crashes or is unhealthy, as
// its image says.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	behaviour := os.Getenv("BEHAVIOUR")
	if len(os.Args) > 1 && os.Args[1] == "healthy" {
		if behaviour == "sick" {
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
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}
