package world

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
)

// Held is a message that an outbox holds, as `eclipse outbox export` writes it.
type Held struct {
	State   string `json:"state"` // queued or dead
	Content string `json:"content"`
}

// Dead tells whether it is a dead letter.
func (h Held) Dead() bool { return h.State == "dead" }

// Outbox reads all that waits and all dead letters, by the command that people use. Without Redis it reads the file of
// the one instance.
func (w *World) Outbox(ctx context.Context) ([]Held, error) {
	cmd := exec.CommandContext(ctx, w.options.Router, "outbox", "export")
	i := w.Instances[0]
	cmd.Dir, cmd.Env = i.dir, i.env()
	if w.Redis != nil {
		cmd.Env = append(cmd.Env, "REDIS_URL=redis://"+w.Redis.Address) // not through the proxy
	}
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("exporting the outbox: %w\n%s", err, notes.String())
	}
	var list []Held
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var h Held
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			return nil, fmt.Errorf("exporting the outbox: %q: %w", lines.Text(), err)
		}
		list = append(list, h)
	}
	return list, lines.Err()
}
