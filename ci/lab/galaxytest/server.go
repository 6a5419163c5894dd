package galaxytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"time"
)

const (
	collections = "/api/v3/collections/"
	artifacts   = "/api/v3/plugin/ansible/content/published/collections/artifacts/"
)

// New returns the server of the collections that are installed in dir, each in
// NAMESPACE/NAME. It packs them at once; one that it cannot pack is an error.
func New(dir string) (http.Handler, error) {
	files := os.DirFS(dir)
	manifests, err := fs.Glob(files, "*/*/"+manifestFile)
	if err != nil {
		return nil, err
	}
	if len(manifests) == 0 {
		return nil, fmt.Errorf("packing collections: %s has none: give a folder with NAMESPACE/NAME/%s", dir, manifestFile)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"available_versions": map[string]string{"v3": "v3/"}})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, map[string]any{"errors": []any{map[string]string{"status": "404", "code": "not_found", "title": "Not found."}}})
	})
	for _, manifest := range manifests {
		c, err := pack(files, path.Dir(manifest))
		if err != nil {
			return nil, fmt.Errorf("packing collections: %w", err)
		}
		c.serve(mux)
	}
	return mux, nil
}

// serve adds what the API says of the collection, and its archive.
func (c collection) serve(mux *http.ServeMux) {
	home := collections + c.Namespace + "/" + c.Name + "/"
	versions := home + "versions/"
	version := versions + c.Version + "/"
	for at, document := range map[string]any{
		home: map[string]any{"href": home, "namespace": c.Namespace, "name": c.Name, "versions_url": versions,
			"highest_version": map[string]string{"href": version, "version": c.Version}},
		versions: map[string]any{"meta": map[string]int{"count": 1}, "links": map[string]any{"first": versions, "previous": nil, "next": nil, "last": versions},
			"data": []any{map[string]string{"version": c.Version, "href": version}}},
	} {
		mux.HandleFunc("GET "+at+"{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, document) })
	}
	mux.HandleFunc("GET "+version+"{$}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, c.document(version, root(r)))
	})
	mux.HandleFunc("GET "+artifacts+c.file(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/gzip")
		_, _ = w.Write(c.archive) // a client that went away needs no answer
	})
}

// root returns the address under which the server was asked.
func root(r *http.Request) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

// document is what the API says of the version. The archive's address is absolute:
// older clients take no other.
func (c collection) document(href, root string) map[string]any {
	return map[string]any{
		"version": c.Version, "href": href, "download_url": root + artifacts + c.file(),
		"namespace": map[string]string{"name": c.Namespace}, "collection": map[string]string{"name": c.Name},
		"artifact":   map[string]any{"filename": c.file(), "sha256": hash(c.archive), "size": len(c.archive)},
		"metadata":   map[string]any{"dependencies": c.Dependencies},
		"signatures": []any{},
	}
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a client that went away needs no answer
}

// Serve serves the collections in dir at listener until ctx ends.
func Serve(ctx context.Context, listener net.Listener, dir string) error {
	handler, err := New(dir)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving collections: %w", err)
	}
	return nil
}
