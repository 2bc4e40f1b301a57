package inspect_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/testkit"
)

var everything = []string{
	"", "app.js", "style.css", "tree.json", "scope.json?id=1", "queues.json", "cancellations.json", "lag.json", "waits.json", "findings.json", "stack.txt?id=1",
	"dump.txt", "schema.json", "nothing.txt", "tree.json?limit=x",
}

func TestAccess(t *testing.T) {
	testkit.Guard(t)
	h := inspect.Handler()
	for name, c := range map[string]struct {
		peer, host string
		header     [2]string
		want       int
	}{
		"localhost":                {"127.0.0.1:1234", "localhost:6060", [2]string{}, 200},
		"no port":                  {"127.0.0.1:1234", "localhost", [2]string{}, 200},
		"upper case":               {"127.0.0.1:1234", "LOCALHOST:6060", [2]string{}, 200},
		"address":                  {"127.0.0.1:1234", "127.0.0.1:6060", [2]string{}, 200},
		"all of 127/8":             {"127.8.8.8:1234", "127.3.2.1", [2]string{}, 200},
		"IPv6":                     {"[::1]:1234", "[::1]:6060", [2]string{}, 200},
		"IPv6 without port":        {"[::1]:1234", "[::1]", [2]string{}, 200},
		"mapped":                   {"[::ffff:127.0.0.1]:1234", "localhost", [2]string{}, 200},
		"a link from elsewhere":    {"127.0.0.1:1234", "localhost", [2]string{"Sec-Fetch-Site", "same-origin"}, 200},
		"peer from outside":        {"192.0.2.1:1234", "localhost:6060", [2]string{}, 403},
		"peer mapped from outside": {"[::ffff:192.0.2.1]:1234", "localhost:6060", [2]string{}, 403},
		"peer of a private net":    {"10.0.0.1:1234", "localhost:6060", [2]string{}, 403},
		"peer unspecified":         {"0.0.0.0:1234", "localhost:6060", [2]string{}, 403},
		"no peer":                  {"", "localhost:6060", [2]string{}, 403},
		"unix socket":              {"@", "localhost:6060", [2]string{}, 403},
		"rebound name":             {"127.0.0.1:1234", "evil.example:6060", [2]string{}, 403},
		"name that begins so":      {"127.0.0.1:1234", "localhost.evil.example", [2]string{}, 403},
		"name that ends so":        {"127.0.0.1:1234", "evil-localhost", [2]string{}, 403},
		"address in a name":        {"127.0.0.1:1234", "127.0.0.1.evil.example", [2]string{}, 403},
		"user part":                {"127.0.0.1:1234", "localhost@evil.example", [2]string{}, 403},
		"number":                   {"127.0.0.1:1234", "2130706433", [2]string{}, 403},
		"unspecified":              {"127.0.0.1:1234", "0.0.0.0:6060", [2]string{}, 403},
		"no host":                  {"127.0.0.1:1234", "", [2]string{}, 403},
		"forwarded":                {"127.0.0.1:1234", "localhost", [2]string{"Forwarded", "for=192.0.2.1"}, 403},
		"x-forwarded-for":          {"127.0.0.1:1234", "localhost", [2]string{"X-Forwarded-For", "127.0.0.1"}, 403},
		"empty x-forwarded-for":    {"127.0.0.1:1234", "localhost", [2]string{"X-Forwarded-For", ""}, 403},
		"x-forwarded-host":         {"127.0.0.1:1234", "localhost", [2]string{"X-Forwarded-Host", "localhost"}, 403},
		"x-forwarded-anything":     {"127.0.0.1:1234", "localhost", [2]string{"X-Forwarded-Whatever", "1"}, 403},
		"spelled otherwise":        {"127.0.0.1:1234", "localhost", [2]string{"x-FORWARDED-proto", "https"}, 403},
		"x-real-ip":                {"127.0.0.1:1234", "localhost", [2]string{"X-Real-Ip", "192.0.2.1"}, 403},
		"via":                      {"127.0.0.1:1234", "localhost", [2]string{"Via", "1.1 proxy"}, 403},
		"embedded elsewhere":       {"127.0.0.1:1234", "localhost", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		for _, what := range everything {
			r := httptest.NewRequest(http.MethodGet, "/"+what, nil)
			r.RemoteAddr, r.Host = c.peer, c.host
			if c.header[0] != "" {
				r.Header[c.header[0]] = []string{c.header[1]}
			}
			w := serve(h, r)
			if c.want == 200 && what == "" {
				require.Equal(t, 200, w.Code, name)
			}
			require.Equal(t, c.want == 403, w.Code == 403, "%s: %q got %d", name, what, w.Code)
			if c.want == 403 {
				require.NotContains(t, w.Body.String(), "{", name)
			}
		}
	}
	r := local("GET", "/")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	require.Equal(t, 200, serve(h, r).Code, "a link may lead here")
}

func TestAuthorizeReplacesTheDefault(t *testing.T) {
	testkit.Guard(t)
	h := inspect.Handler(inspect.Authorize(func(r *http.Request) bool { return r.Header.Get("Authorization") == "secret" }))
	require.Equal(t, 403, serve(h, local("GET", "/tree.json")).Code, "also from loopback")
	r := httptest.NewRequest(http.MethodGet, "/tree.json", nil)
	r.RemoteAddr, r.Host = "192.0.2.1:1", "intern.example.org"
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	r.Header.Set("Authorization", "secret")
	require.Equal(t, 200, serve(h, r).Code)
}

// Nothing but GET and HEAD, for what is there and what is not; and 403 comes
// before 405.
func TestMethods(t *testing.T) {
	testkit.Guard(t)
	h := inspect.Handler()
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get"} {
		for _, what := range everything {
			w := serve(h, local(method, "/"+what))
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, what)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
			require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
		}
	}
	r := local("POST", "/")
	r.RemoteAddr = "192.0.2.1:1"
	require.Equal(t, 403, serve(h, r).Code)
}

// HEAD has the headers and no body, on a real connection.
func TestHead(t *testing.T) {
	testkit.Guard(t)
	s := httptest.NewServer(inspect.Handler())
	defer s.Close()
	defer s.Client().CloseIdleConnections()
	for _, what := range []string{"/", "/tree.json", "/dump.txt"} {
		res, err := s.Client().Head(s.URL + what)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)
		require.Positive(t, res.ContentLength)
	}
}

// Every answer, an error too, carries what keeps a browser from guessing, framing
// and telling.
func TestHeaders(t *testing.T) {
	testkit.Guard(t)
	h := inspect.Handler()
	for _, what := range everything {
		for _, peer := range []string{"127.0.0.1:1", "192.0.2.1:1"} {
			r := local("GET", "/"+what)
			r.RemoteAddr = peer
			r.Header.Set("Origin", "https://evil.example")
			w := serve(h, r)
			csp := w.Header().Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
				require.Contains(t, csp, part, what)
			}
			require.NotContains(t, csp, "unsafe")
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), what)
			require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"), what)
			require.Equal(t, "same-origin", w.Header().Get("Cross-Origin-Resource-Policy"), what)
			require.NotEmpty(t, w.Header().Get("Content-Type"), what)
			require.NotContains(t, w.Header().Get("Content-Type"), "octet-stream", what)
			for name := range w.Header() {
				require.False(t, strings.HasPrefix(name, "Access-Control"), "%s: %s", what, name)
			}
		}
	}
}

func TestAbsurdParameters(t *testing.T) {
	testkit.Guard(t)
	h := inspect.Handler()
	long := strings.Repeat("1,", 600)
	for _, query := range []string{
		"tree.json?limit=0", "tree.json?limit=-1", "tree.json?limit=5001", "tree.json?limit=99999999999999999999", "tree.json?limit=x", "tree.json?limit=",
		"tree.json?limit=1&limit=2", "tree.json?limit=1e3", "tree.json?limit=0x10", "tree.json?sort=nothing", "tree.json?sort=", "tree.json?in=-1", "tree.json?in=1.5",
		"tree.json?in=99999999999999999999", "tree.json?open=a", "tree.json?open=1,,2", "tree.json?open=1,2,", "tree.json?shut=%00", "tree.json?open=" + long + "1",
		"tree.json?apart=x", "tree.json?apart=/x", "tree.json?apart=-1/x", "tree.json?" + strings.Repeat("apart=1/x&", 40), "tree.json?find=" + strings.Repeat("x", 201),
		"tree.json?unknown=1", "tree.json?%zz", "tree.json?a;b", "tree.json?find=" + strings.Repeat("x", 20000), "tree.json?id=1", "scope.json?in=1", "scope.json?id=",
		"queues.json?sort=age", "lag.json?limit=1", "findings.json?x", "waits.json?limit=9999999", "cancellations.json?limit=-0.0", "dump.txt?limit=1", "stack.txt?id=x", "stack.txt?limit=1",
		"tree.json?limit=<script>", "tree.json?%3Cscript%3E=1", "tree.json?limit=%1b%5b2J",
	} {
		w := serve(h, local("GET", "/"+query))
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain"), query)
		require.NotContains(t, w.Body.String(), "\x1b")
		require.Less(t, w.Body.Len(), 25000, query)
	}
	for _, query := range []string{"scope.json", "scope.json?id=0", "stack.txt", "stack.txt?id=0", "scope.json?id=18446744073709551615", "tree.json?in=18446744073709551615", "no.json", "web/", "../handler.go", "..%2f..%2fetc%2fpasswd", "index.html/x", "\x00", "web"} {
		r := local("GET", "/")
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut("/"+query, "?")
		w := serve(h, r)
		if strings.HasSuffix(query, "/") {
			require.Equal(t, 200, w.Code, "the page")
			continue
		}
		require.Equal(t, http.StatusNotFound, w.Code, query)
	}
	for _, query := range []string{"tree.json?open=&shut=", "tree.json?find=", "tree.json?limit=5000&sort=wait", "tree.json?apart=0/&apart=7/%FF"} {
		require.Equal(t, 200, serve(h, local("GET", "/"+query)).Code, query)
	}
}

// Whatever names are, JSON is valid UTF-8 without anything a terminal would take
// for a command or markup, names come back as they were, and long ones are cut.
// The text has none of it either.
func TestHostileNames(t *testing.T) {
	looked(t, time.Second, busy, func(t *testing.T) {
		h := inspect.Handler(watched...)
		for _, what := range []string{"tree.json", "queues.json", "cancellations.json", "waits.json", "findings.json", "dump.txt"} {
			body := serve(h, local("GET", "/"+what)).Body.String()
			require.True(t, utf8.ValidString(body), what)
			for i, r := range body {
				require.True(t, r == '\n' || unicode.IsPrint(r), "%s: %q at %d", what, r, i)
			}
			if what != "dump.txt" {
				require.NotContains(t, body, "<", what)
				require.NotContains(t, body, "&", what)
			}
		}
		seen := map[string]bool{}
		for _, n := range field(t, get(t, h, "tree.json"), "nodes", 0, "children").([]any) {
			seen[field(t, n, "name").(string)] = true
		}
		for _, name := range hostile {
			switch {
			case len(name) > 512:
				name = name[:512] + "…"
			case !utf8.ValidString(name):
				name = strings.ToValidUTF8(name, "\uFFFD")
			}
			require.True(t, seen[name], "%q is not there as it was", name)
		}
	})
}

// Text is never longer than it was by more than escaping, and comes back.
func FuzzText(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		b, err := inspect.TextOf(name).MarshalJSON()
		require.NoError(t, err)
		require.True(t, utf8.Valid(b))
		for _, r := range string(b) {
			require.True(t, unicode.IsPrint(r), "%q", r)
		}
		var back string
		require.NoError(t, json.Unmarshal(b, &back))
		if utf8.ValidString(name) && len(name) <= 512 {
			require.Equal(t, name, back)
		}
		require.LessOrEqual(t, len(back), 3*512+3)
	})
}

// R90: misuse.
func TestOptionsMisuse(t *testing.T) {
	testkit.Guard(t)
	for _, template := range []string{
		"", "https://trace.example.org/", "javascript:alert({trace_id})", "data:text/html,{trace_id}", "//evil.example/{trace_id}", "trace/{trace_id}",
		"https:///{trace_id}", "ftp://x/{trace_id}", "/\\evil.example/{trace_id}", " https://x/{trace_id}", "https://x/{trace_id}\n",
	} {
		require.Panics(t, func() { inspect.TraceURL(template) }, strconv.Quote(template))
	}
	for _, template := range []string{"https://x/{trace_id}", "http://x:1/t/{trace_id}?s={span_id}", "/jaeger/trace/{trace_id}"} {
		require.NotPanics(t, func() { inspect.TraceURL(template) }, template)
	}
	require.PanicsWithValue(t, "inspect: Authorize with a nil function: pass one that says who may look, or leave it out", func() { inspect.Authorize(nil) })
	require.Panics(t, func() { inspect.Watch("x", nil) })
	require.Panics(t, func() { inspect.Lag("x", nil) })
}

type hangs struct{ c chan struct{} }

func (h hangs) Error() string { <-h.c; return "late" }
