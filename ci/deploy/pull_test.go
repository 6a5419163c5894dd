package deploy

import (
	"strings"
	"testing"
)

func TestRemedyForWhatARegistryAnswers(t *testing.T) {
	for said, want := range map[string]string{
		`Head "http://127.0.0.1:1/v2/web/manifests/good": no basic auth credentials`: "give a login",
		"denied: requested access to the resource is denied":                         "give a login",
		`error parsing HTTP 429 response body: unexpected end of JSON input: ""`:     "limits how often",
		"toomanyrequests: You have reached your pull rate limit":                     "limits how often",
		"manifest for web:missing not found: manifest unknown":                       "does not have it",
		"filesystem layer verification failed for digest sha256:00":                  "push the image again",
		"received unexpected HTTP status: 503 Service Unavailable":                   "reaches the registry",
		"dial tcp 127.0.0.1:1: connect: connection refused":                          "reaches the registry",
		"Cannot connect to the Docker daemon at unix:///var/run/docker.sock.":        "Docker on the host runs",
		"failed to copy: write /var/lib/docker/ingest: no space left on device":      "make room",
		"pulling 127.0.0.1:5000/team/web:504: something else":                        "",
	} {
		if got := remedy(said); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", said, got, want)
		}
	}
}
