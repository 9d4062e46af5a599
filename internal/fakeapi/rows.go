package fakeapi

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Row is one stored message, in the order of storing.
type Row struct {
	Seq             int       `json:"seq"` // 1, 2, 3 … over all chats
	ID              string    `json:"id"`
	ChatID          string    `json:"chatId"`
	Content         string    `json:"content"`
	Role            string    `json:"role"`
	UserID          string    `json:"userId"`
	ClientMessageID string    `json:"clientMessageId,omitempty"` // batch route only
	CreatedAt       time.Time `json:"createdAt"`
}

// Stats counts what came in.
type Stats struct {
	SingleCalls, BatchCalls, UserCalls, HistoryCalls int
	MissingCalls                                     int         // batch calls in old mode
	Unauthorized                                     int         // wrong secret
	Rows                                             int         // stored
	Repeats                                          int         // batch items whose id was known
	BatchSizes                                       map[int]int // items of a call → calls
	MaxPerChat                                       int         // most calls in flight at once that had a message of the same chat
	Faults                                           map[Kind]int
}

// Rows returns a copy of everything that is stored, in order. Empty with Options.Forget.
func (a *API) Rows() []Row {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.rows)
}

// Count is the number of rows that were stored so far.
func (a *API) Count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats.Rows
}

// RowsOf returns what is stored for one chat, in order.
func (a *API) RowsOf(chatID string) []Row {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Row
	for _, r := range a.rows {
		if r.ChatID == chatID {
			list = append(list, r)
		}
	}
	return list
}

// Stats returns a copy of the counters.
func (a *API) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.BatchSizes, s.Faults = maps.Clone(s.BatchSizes), maps.Clone(s.Faults)
	return s
}

func (a *API) count(change func(*Stats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.stats)
}

// enter notes a call in flight for each distinct chat; leave takes it back.
func (a *API) enter(items []incoming) (leave func()) {
	var one [1]string
	chats := one[:0]
	for i := range items {
		if i == 0 || items[i].chatID != items[i-1].chatID {
			chats = append(chats, items[i].chatID)
		}
	}
	slices.Sort(chats)
	chats = slices.Compact(chats)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range chats {
		a.busy[id]++
		a.stats.MaxPerChat = max(a.stats.MaxPerChat, a.busy[id])
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, id := range chats {
			if a.busy[id]--; a.busy[id] == 0 {
				delete(a.busy, id)
			}
		}
	}
}

// store keeps a message unless its id is known, and returns the row either way. A message without id gets one.
func (a *API) store(m incoming) (row Row, repeat bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.id == "" {
		a.minted++
		m.id = "api_" + strconv.FormatUint(a.minted, 36)
	} else if i, known := a.byID[m.id]; known {
		a.stats.Repeats++
		return a.rows[i], true
	}
	a.stats.Rows++
	row = Row{
		Seq: a.stats.Rows, ID: m.id, ChatID: m.chatID, Content: m.content, Role: m.role, UserID: m.userID,
		ClientMessageID: m.clientMessageID, CreatedAt: m.createdAt,
	}
	if !a.options.Forget {
		a.byID[row.ID] = len(a.rows)
		a.rows = append(a.rows, row)
	}
	return row, false
}
