package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// fetch gets a page.
func fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// checksum takes its time: it would freeze the terminal.
func checksum(body []byte) string {
	sum := sha256.Sum256(body)
	for range 500_000 {
		sum = sha256.Sum256(sum[:])
	}
	return hex.EncodeToString(sum[:])
}

// pageServer serves something to fetch.
type pageServer struct {
	*httptest.Server
	urls []string
}

// slowServer serves n pages, each slower than the one before, and one that is
// not there.
func slowServer(n int) *pageServer {
	s := new(pageServer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var page int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &page); err != nil || page >= n-1 {
			http.NotFound(w, r)
			return
		}
		select {
		case <-time.After(time.Duration(page) * 200 * time.Millisecond):
			fmt.Fprint(w, strings.Repeat("page ", 100*(page+1)))
		case <-r.Context().Done():
		}
	}))
	for i := range n {
		s.urls = append(s.urls, fmt.Sprintf("%s/%d", s.URL, i))
	}
	return s
}
