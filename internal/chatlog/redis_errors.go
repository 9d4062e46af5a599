package chatlog

import (
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// refusals are the first words of the answers after which nothing was done: the server looks at these before a
// command, and inside a script before its first write.
var refusals = map[string]bool{
	"OOM": true, "READONLY": true, "WRONGTYPE": true, "NOPERM": true, "LOADING": true, "MISCONF": true,
	"NOAUTH": true, "WRONGPASS": true, "MASTERDOWN": true, "NOREPLICAS": true, "BUSY": true, "NOSCRIPT": true,
}

// named says what was being done, and wraps ErrRefused when the server said that it did nothing.
func named(what string, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := rueidis.IsRedisErr(err)
	if !ok {
		return fmt.Errorf("chatlog: %s: %w", what, err)
	}
	// The text goes no further than where Redis quotes arguments: they are payloads.
	text, _, _ := strings.Cut(answer.Error(), ", with args")
	if refusals[code(text)] {
		return fmt.Errorf("%w: %s: %s", ErrRefused, what, text)
	}
	return fmt.Errorf("chatlog: %s: redis answered: %s", what, text)
}

// code is the first word of an answer. Servers before 7 wrap the one that a script ran into: "ERR Error running
// script (…): @user_script:1: -OOM command not allowed …".
func code(text string) string {
	if strings.Contains(text, "Error running script") {
		if _, inner, ok := strings.Cut(text, ": -"); ok {
			text = inner
		}
	}
	word, _, _ := strings.Cut(text, " ")
	return word
}
