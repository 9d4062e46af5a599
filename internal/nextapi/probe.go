package nextapi

import (
	"context"
	"net/http"
)

// Probe asks whether the batch route exists by posting a batch of nothing, which stores nothing. Class is Stored (it
// exists), Missing (this API is the old one), or what stood in the way.
func (c *Client) Probe(ctx context.Context) Result {
	a := c.do(ctx, c.timeout, call{
		method: http.MethodPost, path: batchPath, body: []byte(`{"messages":[]}`), idempotent: true, maxAnswer: maxAnswer,
	})
	if a.status == http.StatusOK && a.err == nil {
		if err := readBatch(a.body, nil, nil); err != nil {
			return Result{Class: Ambiguous, Status: a.status, Err: err}
		}
		return Result{Class: Stored, Status: a.status}
	}
	r := a.result()
	switch {
	case r.Class == Retry && a.err == nil && (isMissing(a.status) || a.status/100 == 3): // to a login, before any handler
		r.Class = Missing
	case r.Class == Rejected: // the route itself spoke: it exists, and takes no empty batch
		r = Result{Class: Stored, Status: a.status}
	}
	return r
}
