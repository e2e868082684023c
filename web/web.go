// Package web is what a browser gets: the call page and the SDK, embedded in
// the binary as they stand in this folder, without a build step.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
	"sync"
)

// Tests stand in folders of their own (app/test, sdk/test), which these
// patterns leave out.
//
//go:embed app/*.html app/*.css app/*.js app/*.svg app/call app/devices app/lobby app/reach
//go:embed sdk/*.js sdk/*.d.ts sdk/transports
var files embed.FS

// page is the one document; the script in it reads the room from the address.
const page = "app/index.html"

// Handler serves the call page at "/" and "/r/{room}", and what it is made of
// below "/app/" and "/sdk/". Anything else is a plain 404. It is safe for
// concurrent use and keeps no state.
func Handler() http.Handler { return handler() }

// handler compresses everything when it is first called: that takes longer than
// all else at a start.
var handler = sync.OnceValue(func() http.Handler { return newHandler(files) })

// newHandler serves from a file system that has the page in it.
func newHandler(source fs.FS) http.Handler {
	assets := load(source)
	mux := http.NewServeMux()
	document := func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header(), r.Host)
		assets[page].serve(w, r)
	}
	mux.HandleFunc("GET /{$}", document)
	mux.HandleFunc("GET /r/{room}", document)
	mux.HandleFunc("GET /r/{room}/{$}", document)

	file := func(w http.ResponseWriter, r *http.Request) {
		found, ok := assets[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			notFound(w, r)
			return
		}
		secure(w.Header(), r.Host)
		if strings.HasPrefix(r.URL.Path, "/sdk/") {
			share(w.Header())
		}
		found.serve(w, r)
	}
	mux.HandleFunc("GET /app/", file)
	mux.HandleFunc("GET /sdk/", file)
	mux.HandleFunc("GET /", notFound)
	return mux
}

// notFound answers for everything that is not here.
func notFound(w http.ResponseWriter, r *http.Request) {
	secure(w.Header(), r.Host)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	// A client that has gone reads no page; there is nobody to tell.
	_, _ = w.Write([]byte("There is no such page here. The call page is at /\n"))
}
