package inspect

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"sync"
	"time"
)

//go:embed web
var web embed.FS

//go:embed schema.json
var schema []byte

// file is one of the page's files. Its ETag is computed: embed knows no times.
type file struct {
	kind string
	tag  string
	body []byte
}

// files are read when one is first asked for.
var files = sync.OnceValue(func() map[string]file {
	all := map[string]file{"schema.json": fileOf("schema.json", schema)}
	list, err := web.ReadDir("web")
	if err != nil {
		panic("inspect: internal error: " + err.Error())
	}
	for _, e := range list {
		body, err := web.ReadFile("web/" + e.Name())
		if err != nil {
			panic("inspect: internal error: " + err.Error())
		}
		all[e.Name()] = fileOf(e.Name(), body)
	}
	all[""] = all["index.html"]
	return all
})

// kinds are said here: what package mime knows depends on the machine.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".json": "application/json; charset=utf-8",
}

func fileOf(name string, body []byte) file {
	sum := sha256.Sum256(body)
	return file{kinds[path.Ext(name)], `"` + hex.EncodeToString(sum[:12]) + `"`, body}
}

func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := files()[name]
	if !ok {
		http.Error(w, "corral: there is no such page", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache") // ask again, and get a 304
	w.Header().Set("ETag", f.tag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.body))
}
