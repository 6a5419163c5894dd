package galaxytest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/galaxytest"
)

const manifest = `{"collection_info": {"namespace": "sample", "name": "tools", "version": "1.2.3", "dependencies": {"sample.base": ">=0.4.0"}}, "format": 1}`

func serve(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sample/tools"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sample/tools/MANIFEST.json"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	handler, err := galaxytest.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// The archive is where the API says, and has the hash that it says.
func TestAVersionLeadsToItsArchive(t *testing.T) {
	_, body := get(t, serve(t)+"/api/v3/collections/sample/tools/versions/1.2.3/")
	var document struct {
		DownloadURL string `json:"download_url"`
		Artifact    struct {
			SHA256 string
			Size   int
		}
		Metadata struct{ Dependencies map[string]string }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	status, archive := get(t, document.DownloadURL)
	sum := sha256.Sum256(archive)
	if status != http.StatusOK || hex.EncodeToString(sum[:]) != document.Artifact.SHA256 || len(archive) != document.Artifact.Size {
		t.Errorf("%d, %d bytes; the API says %+v", status, len(archive), document.Artifact)
	}
	if document.Metadata.Dependencies["sample.base"] != ">=0.4.0" {
		t.Errorf("dependencies %v", document.Metadata.Dependencies)
	}
}

func TestWhatItDoesNotHaveIsNotFound(t *testing.T) {
	root := serve(t)
	for _, path := range []string{"/", "/api/v2/", "/api/v3/collections/sample/other/versions/", "/api/v3/collections/sample/tools/versions/9.0.0/"} {
		if status, body := get(t, root+path); status != http.StatusNotFound || !strings.Contains(string(body), `"errors"`) {
			t.Errorf("%s: %d, %s", path, status, body)
		}
	}
}

func TestAFolderWithoutCollectionsIsRefused(t *testing.T) {
	if _, err := galaxytest.New(t.TempDir()); err == nil || !strings.Contains(err.Error(), "NAMESPACE/NAME/MANIFEST.json") {
		t.Errorf("got %v", err)
	}
}
