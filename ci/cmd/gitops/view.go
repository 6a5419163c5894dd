package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"gitops/ci/progress"
	"gitops/ci/secret"
	"gitops/ci/terminal"
)

// screen returns a screen on stderr when it is a terminal that can be drawn on, or
// nil.
func screen(stderr io.Writer) *terminal.Screen {
	file, ok := stderr.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || os.Getenv("CI") != "" || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return terminal.NewScreen(file, func() int {
		_, height, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0
		}
		return height
	})
}

// view returns how progress is shown: as a table on a terminal, folded on GitHub
// Actions, and as lines elsewhere.
func view(screen *terminal.Screen, commands io.Writer, redactor *secret.Redactor) progress.View {
	v := progress.View{Screen: screen, Clean: func(text string) string { return redactor.Redact(terminal.Strip(text)) }}
	if screen == nil && os.Getenv("GITHUB_ACTIONS") == "true" {
		v.Commands = commands
	}
	return v
}
