package inspect

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// local allows who sits at the same machine and knows it: a loopback peer that
// asks for a loopback host. The peer alone would not do: a page from anywhere
// can have its own name resolve to 127.0.0.1, and then read the answers (DNS
// rebinding). Nor would both behind a proxy, which is a loopback peer, too: so
// no header that a proxy adds, and nothing that another site's page embeds.
func local(r *http.Request) bool {
	return loopbackPeer(r.RemoteAddr) && loopbackHost(r.Host) && !forwarded(r.Header) && !embedded(r.Header)
}

func loopbackPeer(addr string) bool {
	p, err := netip.ParseAddrPort(addr)
	return err == nil && p.Addr().Unmap().IsLoopback()
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// byProxy are headers that say that somebody stands between.
var byProxy = map[string]bool{
	"Forwarded": true, "Via": true, "X-Real-Ip": true, "X-Client-Ip": true, "X-Cluster-Client-Ip": true, "X-Original-Host": true,
	"True-Client-Ip": true, "Cf-Connecting-Ip": true, "Fastly-Client-Ip": true, "X-Envoy-External-Address": true, "X-Original-Forwarded-For": true,
}

func forwarded(h http.Header) bool {
	for name := range h {
		name = http.CanonicalHeaderKey(name)
		if byProxy[name] || strings.HasPrefix(name, "X-Forwarded") {
			return true
		}
	}
	return false
}

// embedded reports whether a page of another site asks for more than to be
// followed here by a link.
func embedded(h http.Header) bool {
	return h.Get("Sec-Fetch-Site") == "cross-site" && h.Get("Sec-Fetch-Mode") != "navigate"
}
