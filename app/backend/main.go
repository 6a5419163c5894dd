// Command backend is the API of the app: serve, migrate, seed, health.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"backend/internal/config"
)

const usage = `usage: backend COMMAND

  serve    migrate, seed and serve (MIGRATE_ON_START=false: only serve); the default
  migrate  bring the database's schema up to this release
  seed     make the first superuser where there is none
  health   exit 0 when the server on this machine is ready
  version  print the release

Settings come from the environment; a bad one is named and the exit status is 2.
`

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, restore) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command = args[0]
	}
	if len(args) > 1 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch command {
	case "serve", "migrate", "seed":
		return runWithConfig(ctx, command, getenv, stdout, stderr)
	case "health":
		return exit(stderr, checkHealth(ctx, getenv))
	case "version":
		fmt.Fprintln(stdout, getenv("GIT_SHA"))
		return exitOK
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "backend: unknown command %q\n%s", command, usage)
	return exitUsage
}

func runWithConfig(ctx context.Context, command string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := config.Load(getenv)
	if err != nil {
		return exit(stderr, err)
	}
	log := newLog(stdout, c)
	begun := time.Now()
	if err := commands[command](ctx, c, log); err != nil {
		log.Error(command+" failed", "error", err)
		return exit(stderr, err)
	}
	log.Info(command+" ended", "after", time.Since(begun).Round(time.Millisecond).String())
	return exitOK
}

var commands = map[string]func(context.Context, config.Config, *slog.Logger) error{
	"serve":   serve,
	"migrate": migrate,
	"seed":    seed,
}

func exit(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "backend: %v\n", err)
	var bad *config.Error
	if errors.As(err, &bad) {
		return exitUsage
	}
	return exitFailed
}
