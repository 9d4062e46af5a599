package verify

import (
	"fmt"
	"io"
)

var kindNames = [...]string{
	Sent: "sent", Accepted: "accepted", Stored: "stored", Refused: "refused", Opened: "opened", Closed: "closed", Asked: "asked",
	Resumed: "resumed", GaveUp: "gave up", Placed: "placed", Loaded: "loaded", Shown: "shown", Passed: "passed", Failed: "failed",
}

func (e Event) String() string {
	text := fmt.Sprintf("%10.3fs %-8s", e.At.Seconds(), kindNames[e.Kind])
	switch e.Kind {
	case Sent, Refused:
		return text + fmt.Sprintf(" number %d", e.Number)
	case Accepted, Stored:
		return text + fmt.Sprintf(" number %d, id %x at %x:%d", e.Number, e.ID, e.Epoch, e.Offset)
	case Opened:
		return text + fmt.Sprintf(" instance %d, head %x:%d", e.Instance, e.Epoch, e.Offset)
	case Closed:
		return text + fmt.Sprintf(" instance %d, code %d", e.Instance, e.Code)
	case Resumed, Asked:
		return text + fmt.Sprintf(" %x:%d %v", e.Epoch, e.Offset, e.Flag)
	case Loaded:
		return text + fmt.Sprintf(" %d rows", e.Rows)
	case Shown, Failed:
		return text + fmt.Sprintf(" %x:%d is number %d of sender %d, id %x", e.Epoch, e.Offset, e.Number, e.Sender, e.ID)
	}
	return text + fmt.Sprintf(" %x:%d", e.Epoch, e.Offset)
}

// Write writes a record for a person to read.
func (c *Client) Write(w io.Writer) error {
	for _, e := range c.Events {
		if _, err := fmt.Fprintln(w, e); err != nil {
			return err
		}
	}
	return nil
}
