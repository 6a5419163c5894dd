package manifest

import (
	"reflect"
	"testing"
)

const readable = `
x-build: &build
  context: app/common
  args: {GIT_SHA: abc}
x-web: &web
  image: owner/web:1
services:
  backend:
    image: owner/backend:1
    build:
      context: backend
      dockerfile: prod.Dockerfile
      target: final
      platforms: [linux/amd64, linux/arm64]
      args:
        - GO_IMAGE=golang:1
        - EMPTY=
        - FROM_ENV
  frontend:
    image: "owner/frontend:${TAG}"
    build: ./frontend
  worker:
    <<: *web
    build:
      <<: *build
      args: {N: 5, ALSO_ENV: }
  base:
    <<: *web
  child:
    extends: base
  db:
    image: |-
      postgres:17
  none: {command: x}
`

func TestImages(t *testing.T) {
	got, err := Images([]byte(readable))
	want := map[string]string{
		"backend": "owner/backend:1", "frontend": "owner/frontend:${TAG}", "worker": "owner/web:1",
		"base": "owner/web:1", "child": "owner/web:1", "db": "postgres:17",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%v", got, err)
	}
}

func TestParseReference(t *testing.T) {
	const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for ref, want := range map[string]Reference{
		"nginx":                               {Name: "nginx"},
		"nginx:1":                             {Name: "nginx", Tag: "1"},
		"localhost:5000/a/b":                  {Name: "localhost:5000/a/b"},
		"localhost:5000/a/b:2@" + digest:      {Name: "localhost:5000/a/b", Tag: "2", Digest: digest},
		"ghcr.io/owner/backend@" + digest:     {Name: "ghcr.io/owner/backend", Digest: digest},
		"[2001:db8::1]:5000/x:y":              {Name: "[2001:db8::1]:5000/x", Tag: "y"},
		"docker.io/library/nginx:1.27-alpine": {Name: "docker.io/library/nginx", Tag: "1.27-alpine"},
	} {
		if got, err := ParseReference(ref); err != nil || got != want {
			t.Errorf("%s: %+v %v", ref, got, err)
		}
	}
	for _, ref := range []string{"", "Nginx", "a b", "a:", "a//b", "-a", "a@sha256:12", "a:b:c", "http://a/b", "a\n", digest[7:]} {
		if got, err := ParseReference(ref); err == nil {
			t.Errorf("%q is no reference, got %+v", ref, got)
		}
	}
}
