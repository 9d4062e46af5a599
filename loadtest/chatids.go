package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"eclipse/internal/token"
	"eclipse/internal/wire"
	"eclipse/loadtest/internal/work"
)

// knownChats reads the file of -chat-ids, which must have as many chats as the plan.
func (o *options) knownChats() error {
	if o.chatIDs == "" {
		return nil
	}
	f, err := os.Open(o.chatIDs)
	if err != nil {
		return err
	}
	defer f.Close()
	if o.known, err = readChats(f); err != nil {
		return fmt.Errorf("%s: %w", o.chatIDs, err)
	}
	if n := len(o.known); n < o.plan.Chats {
		return fmt.Errorf("%s: %d chats, and %d are wanted: add lines, or lower -chats", o.chatIDs, n, o.plan.Chats)
	}
	return nil
}

// readChats reads chats that an app knows, one a line: its id, and where there is one a space and the user id of its agents.
// Empty lines and those that begin with # are nothing.
func readChats(r io.Reader) ([]work.Known, error) {
	var list []work.Known
	lineOf := map[string]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		known, err := oneChat(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if first, twice := lineOf[known.Chat]; twice {
			return nil, fmt.Errorf("line %d: chat %s stands in line %d too", n, known.Chat, first)
		}
		lineOf[known.Chat] = n
		list = append(list, known)
	}
	return list, lines.Err()
}

func oneChat(fields []string) (work.Known, error) {
	known := work.Known{Chat: fields[0]}
	if !wire.ValidChatID(known.Chat) {
		return known, fmt.Errorf("%.70q is no chat id: 1 to %d of A-Z a-z 0-9 _ -", known.Chat, wire.MaxChatID)
	}
	if len(fields) > 2 {
		return known, errors.New("give a chat id and at most one user id of its agents")
	}
	if len(fields) == 2 {
		known.Agent = fields[1]
	}
	if utf8.RuneCountInString(known.Agent) > token.MaxUserID || strings.ContainsFunc(known.Agent, unprintable) {
		return known, fmt.Errorf("%.140q is no user id: at most %d printable characters", known.Agent, token.MaxUserID)
	}
	return known, nil
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
