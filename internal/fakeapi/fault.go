package fakeapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind of a fault.
type Kind string

const (
	Status           Kind = "status"             // answer Fault.Status and store nothing
	Hang             Kind = "hang"               // store nothing and never answer
	Slow             Kind = "slow"               // wait Fault.Delay first, then go on
	CommitThenHang   Kind = "commit-then-hang"   // store (and publish), never answer
	CommitThenStatus Kind = "commit-then-status" // store (and publish), answer Fault.Status
	HalfAnswer       Kind = "half-answer"        // store (and publish), cut the answer in the middle
	LosePublish      Kind = "lose-publish"       // store and answer, but publish nothing
	DoublePublish    Kind = "double-publish"     // publish twice
	LatePublish      Kind = "late-publish"       // publish after the chat's next message, at the latest when healed
	UnknownChat      Kind = "unknown-chat"       // 404 in this API's words: final
	RejectContent    Kind = "reject-content"     // 400 in this API's words: final
)

// Fault is something that goes wrong. Without Chat and Content it strikes whole calls; with either, in a batch, only
// the items that match, and the later items of their chat answer 424 if the failure may pass.
type Fault struct {
	Kind       Kind          `json:"kind"`
	Status     int           `json:"status,omitempty"`     // default 500
	RetryAfter string        `json:"retryAfter,omitempty"` // header value, with Status
	Delay      time.Duration `json:"delay,omitempty"`      // ns, of Slow
	Chat       string        `json:"chat,omitempty"`       // only this chat
	Content    string        `json:"content,omitempty"`    // only messages whose content has this text in it
	Times      int           `json:"times,omitempty"`      // strikes so often and is gone; 0 = until cleared
	Every      int           `json:"every,omitempty"`      // strikes each so-manieth time that it could; 0 or 1 = always
	Lasting    bool          `json:"lasting,omitempty"`    // is no failure but how this API is: Heal leaves it
}

type fault struct {
	Fault
	seen int
}

// struck is a fault as it strikes one call or message, the zero one none.
type struck struct {
	Fault
	healed <-chan struct{} // closed by the Heal that ends it, also when that comes before the fault is carried out
}

func (s struck) over() bool {
	select {
	case <-s.healed:
		return true
	default:
		return false
	}
}

// Inject adds a fault; the first of those that match strikes. clear removes it.
func (a *API) Inject(f Fault) (clear func()) {
	if f.Status == 0 {
		f.Status = http.StatusInternalServerError
	}
	entry := &fault{Fault: f}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, entry)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.faults = slices.DeleteFunc(a.faults, func(o *fault) bool { return o == entry })
	}
}

// Heal removes every fault that does not last, drops the calls that hang, and publishes what is late.
func (a *API) Heal() {
	a.mu.Lock()
	a.faults = slices.DeleteFunc(a.faults, func(f *fault) bool { return !f.Lasting })
	close(a.healed)
	a.healed = make(chan struct{})
	late := a.late
	a.late = nil
	a.mu.Unlock()
	for channel, payloads := range late {
		for _, payload := range payloads {
			a.options.Publish(channel, payload)
		}
	}
}

// strike finds the fault that strikes now: a whole call when message is nil, else one message.
func (a *API) strike(message *incoming) struck {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, f := range a.faults {
		if !f.hits(message) {
			continue
		}
		f.seen++
		if f.Every > 1 && f.seen%f.Every != 0 {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				a.faults = slices.Delete(a.faults, i, i+1)
			}
		}
		a.stats.Faults[f.Kind]++
		return struck{f.Fault, a.healed}
	}
	return struck{}
}

func (f *fault) hits(m *incoming) bool {
	publishing := f.Kind == LosePublish || f.Kind == DoublePublish || f.Kind == LatePublish
	ofMessages := f.Chat != "" || f.Content != "" || publishing || f.Kind == UnknownChat || f.Kind == RejectContent
	if m == nil || !ofMessages {
		return m == nil && !ofMessages
	}
	if publishing && !m.single {
		return false // the batch route publishes nothing
	}
	return (f.Chat == "" || f.Chat == m.chatID) && (f.Content == "" || strings.Contains(m.content, f.Content))
}

// before carries a fault out as far as it comes before storing; it returns false when the call is answered.
func (a *API) before(w http.ResponseWriter, r *http.Request, f struck) bool {
	switch f.Kind {
	case Hang:
		a.hang(r, f)
	case Slow:
		a.wait(r, f.Delay)
	case Status:
		f.answer(w)
		return false
	case UnknownChat:
		answerError(w, http.StatusNotFound, chatNotFound)
		return false
	case RejectContent:
		answerError(w, http.StatusBadRequest, contentRejected)
		return false
	}
	return true
}

// after answers with body unless the fault says otherwise.
func (a *API) after(w http.ResponseWriter, r *http.Request, f struck, body []byte) {
	switch f.Kind {
	case CommitThenHang:
		a.hang(r, f)
	case CommitThenStatus:
		f.answer(w)
	case HalfAnswer:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		answer(w, http.StatusOK, body)
	}
}

func (f Fault) answer(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	answerError(w, f.Status, http.StatusText(f.Status))
}
