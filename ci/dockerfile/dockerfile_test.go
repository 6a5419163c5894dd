package dockerfile

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestBase(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		b    Build
		want string
	}{
		"plain":             {file: "FROM debian:13\nRUN true", want: "debian:13"},
		"scratch":           {file: "FROM golang AS build\nFROM scratch\nCOPY --from=build /a /a", want: ""},
		"last stage":        {file: "FROM node:22 AS build\nFROM --platform=linux/amd64 nginx:1", want: "nginx:1"},
		"target":            {file: "FROM node:22 AS Build\nFROM nginx:1", b: Build{Target: "build"}, want: "node:22"},
		"target by number":  {file: "FROM node:22\nFROM nginx:1", b: Build{Target: "0"}, want: "node:22"},
		"through stages":    {file: "FROM debian:13 AS base\nFROM base as mid\nFROM mid", want: "debian:13"},
		"other case":        {file: "FROM debian:13 AS base\nFROM Base", want: "debian:13"},
		"argument":          {file: "ARG IMG=nginx:1\nFROM ${IMG}", want: "nginx:1"},
		"given argument":    {file: "ARG IMG=nginx:1\nFROM $IMG", b: Build{Args: map[string]string{"IMG": "mirror/nginx:2"}}, want: "mirror/nginx:2"},
		"given, no value":   {file: "ARG IMG\nFROM $IMG", b: Build{Args: map[string]string{"IMG": "nginx:2"}}, want: "nginx:2"},
		"of an argument":    {file: "ARG V=1\nARG IMG=nginx:${V}\nFROM $IMG", want: "nginx:1"},
		"default inline":    {file: "ARG VERSION\nFROM nginx:${VERSION:-3}", want: "nginx:3"},
		"default, no colon": {file: "FROM debian:${V-13}", want: "debian:13"},
		"empty, no colon":   {file: "ARG V=\nFROM debian${V-13}", want: "debian"},
		"other when set":    {file: "ARG MIRROR=m.local\nFROM ${MIRROR:+m.local/}debian:13", want: "m.local/debian:13"},
		"without a suffix":  {file: "ARG V=13.1-slim\nFROM debian:${V%-slim}", want: "debian:13.1"},
		"not declared":      {file: "FROM a AS b\nARG IMG=x\nFROM y${IMG}", b: Build{Args: map[string]string{"IMG": "z"}}, want: "y"},
		"quotes":            {file: `ARG IMG="nginx:1"` + "\nFROM $IMG", want: "nginx:1"},
		"continued":         {file: "# FROM no\nFROM \\\n  # a comment\n  nginx:1 \\\n AS x", want: "nginx:1"},
		"other escape":      {file: "# escape=`\nFROM `\n nginx:1", want: "nginx:1"},
		"stage as image":    {file: "FROM x AS x", want: "x"},
		"a heredoc": {file: "FROM postgres:17\nRUN <<SQL psql\nSELECT 1\nFROM users\nSQL\nCOPY <<'EOF' <<-MORE /etc/\nFROM one\nEOF\n\tFROM two\n\tMORE\n",
			want: "postgres:17"},
		"the platform's stage": {file: "FROM alpine:3 AS base-amd64\nFROM alpine:2 AS base-arm64\nFROM base-${TARGETARCH}",
			b: Build{Platform: "linux/arm64/v8"}, want: "alpine:2"},
		"this machine's stage": {file: "FROM alpine:3 AS on-" + runtime.GOARCH + "\nFROM on-${TARGETARCH}", want: "alpine:3"},
		"unknown instruction":  {file: "FROM a\nBUILD WITH --everything\nRUN --from-the-future=1 true", want: "a"},
	} {
		got, err := Read([]byte(c.file), c.b)
		if err != nil || got.Base != c.want {
			t.Errorf("%s: %q, want %q, %v", name, got.Base, c.want, err)
		}
	}
}

func TestImages(t *testing.T) {
	file := `ARG GO=golang:1
FROM ${GO} AS build
FROM node:22 AS Page
FROM build AS more
COPY --from=Page /p /p
COPY --from=0 /b /b
COPY --chown=1:1 --from=copied:1 /etc/x /x
RUN --mount=type=cache,target=/c --mount=type=bind,from=mounted:2,source=/s,target=/t true
RUN --mount=type=bind,"from=quoted:3",target=/t <<EOF
COPY --from=users /a /b
EOF
FROM scratch
FROM nginx:1 AS nginx
FROM page
COPY --from=scratch / /
COPY --from=golang:1 / /
`
	got, err := Read([]byte(file), Build{Args: map[string]string{"GO": "mirror/go:2"}})
	want := []string{"copied:1", "golang:1", "mirror/go:2", "mounted:2", "nginx:1", "node:22", "quoted:3"}
	if err != nil || !slices.Equal(got.All, want) {
		t.Errorf("got  %s, %v\nwant %s", got.All, err, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for says, c := range map[string]struct{ file, target string }{
		"no instructions":       {file: "# nothing\n"},
		"it has no FROM":        {file: "ARG A=1\n"},
		`it has no stage "x"`:   {file: "FROM a AS b\n", target: "x"},
		"line 2: FROM $A names": {file: "ARG A\nFROM $A\n"},
		"line 1: FROM requires": {file: "FROM a b\n"},
		"unterminated heredoc":  {file: "FROM a\nRUN <<EOF\nFROM users\n"},
		"line 1: invalid name":  {file: "FROM a AS 1b\n"},
		"line 3: unknown flag":  {file: "ARG A\n\nFROM --plat=x a\n"},
	} {
		if got, err := Read([]byte(c.file), Build{Target: c.target}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %+v, %v\nwant %s", got, err, says)
		}
	}
}
