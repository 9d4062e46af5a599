package fakeapi

import (
	"encoding/json"
	"net/http"
	"time"
)

// controlRoutes let another process do what a test does by calling methods:
//
//	POST   /_control/faults   a Fault as JSON
//	DELETE /_control/faults   Heal
//	GET    /_control/rows     ?chatId= for one chat
//	GET    /_control/stats
//	PUT    /_control/latency  ?value=20ms
//	PUT    /_control/mode     ?value=batch or old
func (a *API) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /_control/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		if err := json.NewDecoder(r.Body).Decode(&f); err != nil || f.Kind == "" {
			answerError(w, http.StatusBadRequest, "a fault with a kind is needed")
			return
		}
		a.Inject(f)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_control/faults", func(w http.ResponseWriter, _ *http.Request) {
		a.Heal()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_control/rows", func(w http.ResponseWriter, r *http.Request) {
		if chatID := r.URL.Query().Get("chatId"); chatID != "" {
			answerValue(w, a.RowsOf(chatID))
			return
		}
		answerValue(w, a.Rows())
	})
	mux.HandleFunc("GET /_control/stats", func(w http.ResponseWriter, _ *http.Request) { answerValue(w, a.Stats()) })
	mux.HandleFunc("PUT /_control/latency", func(w http.ResponseWriter, r *http.Request) {
		latency, err := time.ParseDuration(r.URL.Query().Get("value"))
		if err != nil {
			answerError(w, http.StatusBadRequest, "a duration is needed")
			return
		}
		a.SetLatency(latency)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /_control/mode", func(w http.ResponseWriter, r *http.Request) {
		mode, err := ParseMode(r.URL.Query().Get("value"))
		if err != nil {
			answerError(w, http.StatusBadRequest, err.Error())
			return
		}
		a.SetMode(mode)
		w.WriteHeader(http.StatusNoContent)
	})
}

func answerValue(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		answerError(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, http.StatusOK, body)
}
