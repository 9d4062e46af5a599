// Package standin stands in for the Next.js API during development: a real HTTP handler with the same routes and
// shapes, storing in one local SQLite file, so that the router speaks to it as it does to the real API. It never runs
// in production: its token route gives anybody a token.
//
// It offers, with the header X-Internal-Secret:
//
//	POST /api/internal/messages/batch           store many, idempotent by id
//	POST /api/chats/{chatId}/messages/send      store one, id minted here
//	GET  /api/users/{userId}
//	GET  /api/internal/chats/{chatId}/messages  what was stored after a given message
//
// and to browsers of any origin:
//
//	GET  /api/ws/token?chatId=                  a visitor's token; as=agent for the agent's, as=visitor&name= for a customer's
//	GET  /api/chats                             the latest chats
//	POST /api/chats                             a new chat
//	GET  /api/chats/{chatId}/messages           history
//
// Unlike the real API it publishes nothing on Redis, so it suits the batch route and a router without Redis.
//
// Who may call: main mounts it, tests start it. Each request blocks on SQLite, which has one connection; no request is
// queued elsewhere and none is dropped. Writes survive a kill of the process (write-ahead log), a loss of power may
// cost the last ones. It imports internal/token of ours and nothing else.
package standin
