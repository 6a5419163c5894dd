package api

import (
	"bytes"
	"compress/gzip"
	"embed"
	"net/http"
	"strings"
	"sync"

	redoc "github.com/mvrilo/go-redoc"
	swagger "github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

// The pages are ours; the scripts they run come from Go modules and are part of the binary, so that the
// documentation works where no CDN is reachable, and under a policy that allows none.
//
//go:embed docs
var docsPages embed.FS

const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const cacheADay = "public, max-age=86400"

func serveDocs(mux *http.ServeMux) {
	mux.Handle("GET /docs", page("docs/docs.html", "text/html; charset=utf-8"))
	mux.Handle("GET /docs/init.js", page("docs/init.js", "text/javascript; charset=utf-8"))
	mux.Handle("GET /docs/", cached(http.StripPrefix("/docs", statigz.FileServer(swagger.FS))))
	mux.Handle("GET /redoc", page("docs/redoc.html", "text/html; charset=utf-8"))
	mux.Handle("GET /redoc/redoc.standalone.js", cached(http.HandlerFunc(redocScript)))
}

func page(name, contentType string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Security-Policy", docsPolicy)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, docsPages, name)
	})
}

func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", cacheADay)
		next.ServeHTTP(w, r)
	})
}

// zippedRedoc is Redoc's script, compressed on its first use: a third of its megabyte.
var zippedRedoc = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write([]byte(redoc.JavaScript)) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
})

func redocScript(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write([]byte(redoc.JavaScript)) // the client has gone
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(zippedRedoc())
}
