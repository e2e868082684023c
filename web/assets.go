package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// asset is one file, ready to be sent. It never changes.
type asset struct {
	contentType string
	plain       variant
	gzipped     variant
}

// variant is one encoding of a file. Each has its own ETag, as RFC 9110
// (section 8.8.3.3) wants of a strong one.
type variant struct {
	body []byte
	etag string
}

// contentTypes are those of the files we have, by extension. The system's
// table is not asked: it may lack one or have another.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ts":   "text/plain; charset=utf-8",
}

// load reads all files. It panics where one cannot be read or is of no known
// type: both are mistakes of the build, and the tests meet them.
func load(source fs.FS) map[string]asset {
	assets := make(map[string]asset)
	// It fails only for a level that there is not.
	compressor, _ := gzip.NewWriterLevel(nil, gzip.BestCompression)
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		contentType, ok := contentTypes[path.Ext(name)]
		if !ok {
			panic("web: no content type for " + name)
		}
		assets[name] = asset{contentType: contentType, plain: newVariant(body), gzipped: newVariant(compress(compressor, body))}
		return nil
	})
	if err != nil {
		panic("web: reading the embedded files: " + err.Error())
	}
	return assets
}

func newVariant(body []byte) variant {
	sum := sha256.Sum256(body)
	return variant{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func compress(w *gzip.Writer, body []byte) []byte {
	var compressed bytes.Buffer
	w.Reset(&compressed)
	// Neither can fail: a buffer takes all.
	_, _ = w.Write(body)
	_ = w.Close()
	return compressed.Bytes()
}

// serve sends the asset, or 304 where the client has it. The client asks every
// time, so that a new version is there with the next load.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	chosen := a.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		chosen = a.gzipped
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", chosen.etag)
	w.Header().Add("Vary", "Accept-Encoding")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.body))
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	for encoding := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(encoding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.ToLower(weight), "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
