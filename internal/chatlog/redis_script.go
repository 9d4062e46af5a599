package chatlog

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"slices"

	"github.com/redis/rueidis"
)

//go:embed scripts/*.lua
var scripts embed.FS

var (
	appendScript  = newScript("chat", "outbox", "append")
	readScript    = newScript("chat", "read")
	headsScript   = newScript("chat", "heads")
	lookupScript  = newScript("chat", "lookup")
	unnamedScript = newScript("chat", "unnamed")
	claimScript   = newScript("chat", "outbox", "claim")
	renewScript   = newScript("chat", "outbox", "renew")
	orphansScript = newScript("chat", "outbox", "orphans")
	queueScript   = newScript("chat", "outbox", "queue")
	lettersScript = newScript("chat", "letters")
	reviveScript  = newScript("chat", "outbox", "revive")
)

// script is one atomic operation. Reading is a script too: a plain read may be answered by a replica that lags.
type script struct {
	text string
	sha  string
}

// newScript joins files: what scripts share, then the operation.
func newScript(files ...string) *script {
	var text []byte
	for _, file := range files {
		part, err := scripts.ReadFile("scripts/" + file + ".lua")
		if err != nil {
			panic(err) // the files are part of the program
		}
		text = append(text, part...)
	}
	sum := sha1.Sum(text) // the server's name for it, no secret
	return &script{text: string(text), sha: hex.EncodeToString(sum[:])}
}

// call is one run of a script.
type call struct {
	keys []string
	args []string
}

// keysOf gives a chat's keys in the order that the scripts expect. The braces make them one hash slot.
func keysOf(chatID string) []string {
	return []string{"log:{" + chatID + "}", "head:{" + chatID + "}", "keys:{" + chatID + "}"}
}

// args are what every script is given, and then its own.
func (r *Redis) args(own ...string) []string {
	args := make([]string, 0, len(r.shared)+1+len(own))
	args = append(args, r.shared...)
	args = append(args, newEpoch(r.latest.Load()))
	return append(args, own...)
}

// saw remembers the latest epoch, so that none that begins later is less, even when the server has lost everything and
// its clock went back. What only other instances have seen it cannot know.
func (r *Redis) saw(epoch string) {
	for ms := epochMs(epoch); ; {
		latest := r.latest.Load()
		if ms <= latest || r.latest.CompareAndSwap(latest, ms) {
			return
		}
	}
}

// run makes the calls in order in one go. A server that does not know the script, because it restarted, answers
// NOSCRIPT and does nothing; those calls are made again with the script's text. Calls of one batch are for different
// chats, so that this cannot turn a chat's order around.
func (r *Redis) run(ctx context.Context, s *script, calls []call) []rueidis.RedisResult {
	commands := make([]rueidis.Completed, len(calls))
	for i, c := range calls {
		commands[i] = r.evalsha(s, c)
	}
	results := r.do(ctx, commands)

	var unknown []int
	for i := range results {
		if answer, ok := rueidis.IsRedisErr(results[i].Error()); ok && answer.IsNoScript() {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return results
	}
	r.log.Debug("redis script loaded", "sha", s.sha, "calls", len(unknown))
	commands = make([]rueidis.Completed, 0, len(unknown))
	for _, i := range unknown {
		commands = append(commands, r.evalsha(s, calls[i]))
	}
	first := calls[unknown[0]]
	commands[0] = r.client.B().Eval().Script(s.text).Numkeys(int64(len(first.keys))).Key(first.keys...).Arg(first.args...).Build()
	results = slices.Clone(results)
	for j, result := range r.do(ctx, commands) {
		results[unknown[j]] = result
	}
	return results
}

func (r *Redis) evalsha(s *script, c call) rueidis.Completed {
	return r.client.B().Evalsha().Sha1(s.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}
