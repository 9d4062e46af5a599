package report

import "github.com/dustin/go-humanize"

// Actors is what the actors can do without sockets.
type Actors struct {
	Generator ActorPart   `json:"generator"` // senders and null sockets without any actor: part of all that follows
	Parts     []ActorPart `json:"parts"`
	CostRatio float64     `json:"costRatio"` // CPU per message with the most chats by that with the fewest

	Spawned        int64    `json:"spawned"` // actors: a chat and its connections
	SpawnSeconds   float64  `json:"spawnSeconds"`
	SpawnPerSecond float64  `json:"spawnPerSecond"`
	Memory         []Step   `json:"memory"` // Sockets counts chats of two
	BytesPerChat   *float64 `json:"bytesPerChat,omitempty"`
	Spoken         Step     `json:"spoken"` // after each chat has said one message; the log is in the same memory
}

// ActorPart is one closed loop.
type ActorPart struct {
	Name               string  `json:"name"`
	Chats              int     `json:"chats"`
	Sockets            int     `json:"sockets"` // per chat
	Seconds            float64 `json:"seconds"`
	Sent               int64   `json:"sent"`
	Refused            int64   `json:"refused,omitempty"` // messages answered with an error
	Expected           int64   `json:"expected"`
	Delivered          int64   `json:"delivered"`
	SentPerSecond      float64 `json:"sentPerSecond"`
	DeliveredPerSecond float64 `json:"deliveredPerSecond"`
	BytesPerDelivery   float64 `json:"bytesPerDelivery"` // all frames, acks included
	CPUUsPerMessage    float64 `json:"cpuUsPerMessage"`  // of this process, the generator included
	CPUUsPerDelivery   float64 `json:"cpuUsPerDelivery"`
	Processors         float64 `json:"processors"` // kept busy
}

func (a *Actors) write(line lineFunc) {
	for _, p := range a.Parts {
		p.write(line, p.Name)
	}
	line("cost ratio", "a message among the most chats costs × %.2f of one among the fewest", a.CostRatio)
	line("spawned", "%s actors in %.2f s, %s a second", humanize.Comma(a.Spawned), a.SpawnSeconds, humanize.Comma(int64(a.SpawnPerSecond)))
	for _, s := range a.Memory {
		line("memory", "%s chats of two: %s resident", humanize.Comma(int64(s.Sockets)), size(s.RSSBytes))
	}
	if a.BytesPerChat != nil {
		line("slope", "%.2f KB per chat of two, so %s for a million", *a.BytesPerChat/1024, humanize.IBytes(uint64(1e6**a.BytesPerChat)))
	}
	line("after one message each", "%s resident", size(a.Spoken.RSSBytes))
	a.Generator.write(line, "own cost, no actors")
}

func (p ActorPart) write(line lineFunc, name string) {
	line(name, "%s chats: %s messages/s, %s deliveries/s, %s µs CPU per message, %s per delivery, %.0f bytes each, %.1f processors busy",
		humanize.Comma(int64(p.Chats)), humanize.Comma(int64(p.SentPerSecond)), humanize.Comma(int64(p.DeliveredPerSecond)),
		each(p.CPUUsPerMessage, p.Sent, 3), each(p.CPUUsPerDelivery, p.Delivered, 3), p.BytesPerDelivery, p.Processors)
}
