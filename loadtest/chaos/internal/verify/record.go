package verify

import (
	"cmp"
	"hash/fnv"
	"strconv"
	"time"
)

// Kind of an event in a client's record.
type Kind uint8

const (
	Sent     Kind = iota // message Number was written to a socket for the first time
	Accepted             // ack: it stands in the outbox. ID, and Epoch and Offset where it has a place
	Stored               // ack: it is in the database. The same members
	Refused              // the server refused it for good
	Opened               // a socket is open and greeted. Instance; Epoch and Offset are the log's head as told
	Closed               // it is gone. Instance, Code
	Asked                // a resume from Epoch and Offset was asked for, by frame or when opening. Flag: the run is over, and what was not seen by now was not delivered
	Resumed              // its answer. Flag: recovered; Epoch and Offset to go on from
	GaveUp               // no answer came; the client goes on from Epoch and Offset, and what was asked for may still come
	Placed               // the first position: nothing before it is waited for, the history is loaded
	Loaded               // the history: every row up to number Rows has been seen
	Shown                // a message frame. ID, Sender, Number; Offset 0: it was served without a place
	Passed               // another sequenced frame, of which only its place matters
	Failed               // message_failed: Sender's message Number, ID, was refused for good after it had been accepted or shown
)

// Event is one entry of a client's record. Which members count depends on the kind.
type Event struct {
	At       time.Duration // since the run began
	ID       uint64        // HashID of a message's id
	Epoch    uint64        // EpochOf, ordered as epochs are
	Rows     int           // rows in the database
	Offset   uint32
	Number   uint32 // 1, 2, 3 … of a sender's messages
	Sender   uint16 // within the chat
	Instance int16
	Code     int16 // of a close
	Kind     Kind
	Flag     bool
}

// Client is one client's record, in the order in which things happened to it.
type Client struct {
	Chat   int
	Sender uint16
	Old    bool // it speaks the old protocol: no acks, no places of its own, no resume
	Events []Event
}

// Row is one row of the database, in the order in which a history shows them.
type Row struct {
	Chat   int
	Sender uint16
	Number uint32
	ID     uint64
	Stored int // as the how manieth it was stored, so that a history of so many rows has it; 0 = its number
}

// Run is everything that the checker reads.
type Run struct {
	Clients []*Client
	Rows    []Row // row number n is Rows[n-1]
	Outbox  []Held
	Letters []Held // dead letters
	// Forgotten says that dead letters were wiped, so that one that is missing proves nothing.
	Forgotten bool
	Away      []Span          // when an instance may not have reached the log
	Damaged   []time.Duration // when the file of log and outbox was damaged
	// Reposts says that the API is the old one, which stores a repeat again where the first call's outcome is unknown:
	// such rows are counted apart.
	Reposts bool
	// Untraced says that the API cannot be asked what it has stored, or that nobody remembers from where on: a message of
	// an old client, to which nothing was acknowledged, is lost to view when the instance that posted it dies before it has
	// logged it.
	Untraced bool
	// Live says that messages are shown before they are stored.
	Live bool
}

// stored is as the how manieth a row was stored.
func (r *Run) stored(row int) int { return cmp.Or(r.Rows[row-1].Stored, row) }

// Held is a message that the outbox holds.
type Held struct {
	Chat   int
	Sender uint16
	Number uint32
}

// Span is a while within the run.
type Span struct{ From, To time.Duration }

// HashID makes a message's id comparable at 8 bytes. Two ids of a run of millions share a hash with a probability
// of less than one in a million.
func HashID(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum64()
}

// EpochOf reads the leading 16 hexadecimal digits of an epoch: its milliseconds and half of its random part. 0 is no
// epoch.
func EpochOf(s string) uint64 {
	n, err := strconv.ParseUint(s[:min(16, len(s))], 16, 64)
	if err != nil {
		return 0
	}
	return n
}
