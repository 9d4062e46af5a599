package inside

import (
	"context"

	"eclipse/internal/nextapi"
)

// api answers at once as the batch route would, and keeps nothing.
type api struct{}

var _ nextapi.API = api{}

func (api) StoreBatch(_ context.Context, ms []nextapi.Message) []nextapi.Result {
	out := make([]nextapi.Result, len(ms))
	for i := range ms {
		out[i] = stored(&ms[i])
	}
	return out
}

// stored is the row of a message. Ids and content of this package need no escaping.
func stored(m *nextapi.Message) nextapi.Result {
	const rest = 200 // bytes beside what varies
	data := make([]byte, 0, rest+len(m.ID)+len(m.Content)+len(m.UserID))
	data = append(append(data, `{"id":"`...), m.ID...)
	data = append(append(data, `","content":"`...), m.Content...)
	data = append(append(data, `","role":"`...), m.Role...)
	data = append(append(data, `","createdAt":"2026-01-02T03:04:05.000Z","sender":{"id":"`...), m.UserID...)
	data = append(data, `","name":"Ada","email":null,"avatar":null}}`...)
	return nextapi.Result{Class: nextapi.Stored, Status: 201, ID: m.ID, Data: data}
}

func (api) Probe(context.Context) nextapi.Result {
	return nextapi.Result{Class: nextapi.Stored, Status: 200}
}

func (api) Store(_ context.Context, m nextapi.Message) nextapi.Result { return stored(&m) }

func (api) User(_ context.Context, id string) (nextapi.User, nextapi.Result) {
	return nextapi.User{ID: id, Name: "Ada"}, nextapi.Result{Class: nextapi.Stored, Status: 200}
}

func (api) After(context.Context, string, string, int) ([]nextapi.Row, nextapi.Result) {
	return nil, nextapi.Result{Class: nextapi.Missing, Status: 404}
}

func (api) AfterEach(context.Context, []nextapi.Question, int) ([]nextapi.History, nextapi.Result) {
	return nil, nextapi.Result{Class: nextapi.Missing, Status: 404}
}
