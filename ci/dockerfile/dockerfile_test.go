package dockerfile

import (
	"strings"
	"testing"
)

func TestBase(t *testing.T) {
	for name, c := range map[string]struct {
		file, target string
		args         map[string]string
		want         string
	}{
		"plain":           {file: "FROM debian:13\nRUN true", want: "debian:13"},
		"scratch":         {file: "FROM golang AS build\nFROM scratch\nCOPY --from=build /a /a", want: ""},
		"last stage":      {file: "FROM node:22 AS build\nFROM --platform=linux/amd64 nginx:1", want: "nginx:1"},
		"target":          {file: "FROM node:22 AS Build\nFROM nginx:1", target: "build", want: "node:22"},
		"target by stage": {file: "FROM node:22\nFROM nginx:1", target: "0", want: "node:22"},
		"through stages":  {file: "FROM debian:13 AS base\nFROM base as mid\nFROM mid", want: "debian:13"},
		"argument":        {file: "ARG IMG=nginx:1\nFROM ${IMG}", want: "nginx:1"},
		"given argument":  {file: "ARG IMG=nginx:1\nFROM $IMG", args: map[string]string{"IMG": "mirror/nginx:2"}, want: "mirror/nginx:2"},
		"default inline":  {file: "ARG VERSION\nFROM nginx:${VERSION:-3}", want: "nginx:3"},
		"not declared":    {file: "FROM a AS b\nARG IMG=x\nFROM y${IMG}", args: map[string]string{"IMG": "z"}, want: "y"},
		"quotes":          {file: `ARG IMG="nginx:1"` + "\nFROM $IMG", want: "nginx:1"},
		"continued":       {file: "# FROM no\nFROM \\\n  # a comment\n  nginx:1 \\\n AS x", want: "nginx:1"},
		"stage as image":  {file: "FROM x AS x", want: "x"},
	} {
		if got := Base([]byte(c.file), c.target, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestImages(t *testing.T) {
	file := `ARG GO=golang:1
FROM ${GO} AS build
FROM node:22 AS Page
FROM build AS more
FROM scratch
FROM nginx:1 AS nginx:1
FROM page
`
	if got := strings.Join(Images([]byte(file), map[string]string{"GO": "mirror/go:2"}), " "); got != "mirror/go:2 nginx:1 node:22" {
		t.Errorf("got %s", got)
	}
}
