package attest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/secret"
)

func sbom(time string) Predicate {
	return Predicate{TypeSBOM, []byte(`{"spdxVersion":"SPDX-2.3","created":"` + time + `"}`)}
}

func provenanceOf(t *testing.T, run string) Predicate {
	t.Helper()
	text, err := Provenance(Build{BuilderID: "https://b.local", BuildType: "https://t.local", Source: "https://git.local/app", Commit: strings.Repeat("a", 40), InvocationID: run})
	if err != nil {
		t.Fatal(err)
	}
	return Predicate{TypeProvenance, text}
}

func attach(t *testing.T, p place, image name.Digest, predicates ...Predicate) int64 {
	t.Helper()
	sent, err := Attach(context.Background(), p.client(), image, predicates...)
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

func attached(t *testing.T, p place, image name.Digest) string {
	t.Helper()
	types, err := Attached(context.Background(), p.client(), image)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(types, " ")
}

// eachRegistry runs a test with a registry that lists referrers by itself, and with
// two that do not.
func eachRegistry(t *testing.T, test func(*testing.T, place)) {
	t.Run("referrers API", func(t *testing.T) { test(t, startRegistry(t, true, nil)) })
	t.Run("no referrers API", func(t *testing.T) { test(t, startRegistry(t, false, nil)) })
	t.Run("Debian", func(t *testing.T) { test(t, startDebianRegistry(t)) })
}

func TestAttachSendsOnce(t *testing.T) {
	eachRegistry(t, func(t *testing.T, p place) {
		image, other := p.push(t, "team/app"), p.push(t, "team/app")
		if found := attached(t, p, image); found != "" {
			t.Errorf("nothing was attached, found %s", found)
		}
		if sent := attach(t, p, image, sbom("1"), provenanceOf(t, "run1")); sent < 500 {
			t.Errorf("sent %d bytes", sent)
		}
		if sent := attach(t, p, image, sbom("2"), provenanceOf(t, "run1")); sent != 0 {
			t.Errorf("the same again: sent %d bytes", sent)
		}
		if found := attached(t, p, image); found != TypeProvenance+" "+TypeSBOM {
			t.Errorf("found %s", found)
		}
		if sent := attach(t, p, image, provenanceOf(t, "run2")); sent == 0 {
			t.Error("another provenance was not sent")
		}
		if found := attached(t, p, image); found != TypeProvenance+" "+TypeProvenance+" "+TypeSBOM {
			t.Errorf("found %s", found)
		}
		if found := attached(t, p, other); found != "" {
			t.Errorf("another image has %s", found)
		}
	})
}

// What is attached is what the in-toto and OCI specifications ask for.
func TestAttachedStatement(t *testing.T) {
	eachRegistry(t, func(t *testing.T, p place) {
		image := p.push(t, "team/app")
		attach(t, p, image, sbom("1"))
		referrers, err := remote.Referrers(image, p.options()...)
		if err != nil {
			t.Fatal(err)
		}
		index, err := referrers.IndexManifest()
		if err != nil || len(index.Manifests) != 1 {
			t.Fatalf("referrers %+v, %v", index, err)
		}
		statement, err := remote.Image(image.Context().Digest(index.Manifests[0].Digest.String()), p.options()...)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := statement.Manifest()
		if err != nil || manifest.Subject.Digest.String() != image.DigestStr() || manifest.Subject.Size == 0 || manifest.Subject.MediaType == "" ||
			manifest.Config.MediaType != "application/vnd.oci.empty.v1+json" || manifest.ArtifactType != "application/vnd.in-toto+json" {
			t.Errorf("manifest %+v, %v", manifest, err)
		}
		checkStatement(t, statement, image)
	})
}

func checkStatement(t *testing.T, statement v1.Image, image name.Digest) {
	t.Helper()
	layers, err := statement.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("layers %v, %v", layers, err)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		PredicateType string
		Predicate     map[string]string
	}
	if err := json.NewDecoder(content).Decode(&read); err != nil {
		t.Fatal(err)
	}
	if read.Type != "https://in-toto.io/Statement/v1" || len(read.Subject) != 1 || read.Subject[0].Name != image.Context().Name() ||
		"sha256:"+read.Subject[0].Digest["sha256"] != image.DigestStr() || read.PredicateType != "https://spdx.dev/Document" || read.Predicate["created"] != "1" {
		t.Errorf("statement %+v", read)
	}
}

// A run that was killed after the statement and before its listing is repaired.
func TestAttachRepairsWhatIsNotListed(t *testing.T) {
	var killed atomic.Bool
	p := startRegistry(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		if killed.Load() && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256-") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	image := p.push(t, "app")
	killed.Store(true)
	if _, err := Attach(context.Background(), p.client(), image, sbom("1")); err == nil {
		t.Fatal("the front did not stop it")
	}
	killed.Store(false)
	attach(t, p, image, sbom("1"))
	if found := attached(t, p, image); found != TypeSBOM {
		t.Errorf("found %q", found)
	}
}

func TestAttachSurvivesWhatPassesAndExplainsTheRest(t *testing.T) {
	for status, says := range map[int]string{429: "", 503: "", 401: "user name and password", 403: "right to team/app"} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var left atomic.Int32
			p := startRegistry(t, true, func(w http.ResponseWriter, r *http.Request) bool {
				if left.Add(-1) < 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
					left.CompareAndSwap(-1, 0)
					return false
				}
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(status)
				return true
			})
			image := p.push(t, "team/app")
			failures := int32(20)
			if says == "" {
				failures = 8
			}
			left.Store(failures)
			_, err := Attach(context.Background(), p.client(), image, sbom("1"))
			switch {
			case says == "" && err != nil, says != "" && (err == nil || !strings.Contains(err.Error(), says)):
				t.Errorf("got %v, want %q", err, says)
			}
			if left.Load() == failures {
				t.Error("the front was never asked")
			}
		})
	}
}

func TestAttachWithTheWrongPassword(t *testing.T) {
	p := startDebianRegistry(t)
	image := p.push(t, "app")
	p.logins[0].Password = secret.New("not-the-password")
	_, err := Attach(context.Background(), p.client(), image, sbom("1"))
	if err == nil || !strings.Contains(err.Error(), "user name and password") || strings.Contains(err.Error(), "not-the-password") {
		t.Errorf("got %v", err)
	}
}

func TestAttachToNothing(t *testing.T) {
	p := startRegistry(t, true, nil)
	image := p.digest(t, "app", v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)})
	if _, err := Attach(context.Background(), p.client(), image, sbom("1")); err == nil {
		t.Error("attached to an image that is not there")
	}
	if _, err := Attach(context.Background(), p.client(), p.push(t, "app"), Predicate{TypeSBOM, []byte("{")}); err == nil || !slices.Contains(strings.Fields(err.Error()), TypeSBOM+":") {
		t.Errorf("attached what is no JSON: %v", err)
	}
}
