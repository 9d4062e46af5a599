package gateway

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"

	"eclipse/internal/wire"
)

const (
	subprotocol  = "eclipse.v1"
	bearerPrefix = "bearer."
	maxEpoch     = 64 // characters of an epoch in the query; longer ones are no epoch of ours
)

// opening is what a client says when it opens a socket.
type opening struct {
	token  string
	v1     bool           // speaks part 2 of the protocol
	resume *wire.Position // where it left off
}

// readOpening takes the token from the subprotocols, the Authorization header or the query, in this order: the first two keep
// it out of URLs and so out of other people's logs.
func readOpening(r *http.Request) opening {
	query := r.URL.Query()
	o := opening{v1: query.Get("v") == "1"}
	for _, p := range websocket.Subprotocols(r) {
		if p == subprotocol {
			o.v1 = true
		} else if t, ok := strings.CutPrefix(p, bearerPrefix); ok && o.token == "" {
			o.token = t
		}
	}
	if o.token == "" {
		o.token = bearer(r.Header.Get("Authorization"))
	}
	if o.token == "" {
		o.token = query.Get("token")
	}
	if query.Has("epoch") && query.Has("offset") {
		o.v1 = true
		o.resume = readPosition(query)
	}
	return o
}

func bearer(header string) string {
	scheme, t, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(t)
}

// readPosition returns nil for a position that cannot be ours. The strings are copies: nothing of the request is kept.
func readPosition(query url.Values) *wire.Position {
	epoch := query.Get("epoch")
	offset, err := strconv.ParseUint(query.Get("offset"), 10, 64)
	if err != nil || len(epoch) > maxEpoch {
		return nil
	}
	return &wire.Position{Epoch: strings.Clone(epoch), Offset: offset}
}
