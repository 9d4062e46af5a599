package gateway

import (
	"net/http"
	"strings"
)

// origins are the pages that may open a socket. The zero value lets any page in.
type origins struct {
	allowed map[string]struct{} // nil = any
}

func newOrigins(list []string) origins {
	allowed := map[string]struct{}{}
	for _, o := range list {
		o = canonicalOrigin(o)
		if o == "*" {
			return origins{}
		}
		if o != "" {
			allowed[o] = struct{}{}
		}
	}
	if len(allowed) == 0 {
		return origins{}
	}
	return origins{allowed}
}

// allow judges the Origin header. What is no browser sends none, and is let in: the token authenticates, not the origin.
func (o origins) allow(r *http.Request) bool {
	sent := r.Header.Values("Origin")
	if o.allowed == nil || len(sent) == 0 {
		return true
	}
	_, ok := o.allowed[canonicalOrigin(sent[0])]
	return ok && len(sent) == 1
}

// canonicalOrigin drops what does not tell two origins apart: case, a closing slash, the scheme's own port.
func canonicalOrigin(o string) string {
	o = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(o), "/"))
	switch {
	case strings.HasPrefix(o, "https://"):
		return strings.TrimSuffix(o, ":443")
	case strings.HasPrefix(o, "http://"):
		return strings.TrimSuffix(o, ":80")
	}
	return o
}
