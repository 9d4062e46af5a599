import assert from "node:assert/strict";
import { test } from "node:test";
import { jwtVerify } from "jose";
import { shared as db } from "./database"; // before what it replaces

process.env.INTERNAL_API_SECRET = "internal-secret-of-the-tests-0123456789";
process.env.JWT_SECRET = "jwt-secret-of-the-tests-0123456789abcdef";
process.env.CHAT_WS_URL = "wss://chat.example.com";

const batch = import("@/app/api/internal/messages/batch/route");
const history = import("@/app/api/internal/chats/[chatId]/messages/route");
const histories = import("@/app/api/internal/messages/after/route");
const token = import("@/app/api/ws/token/route");

const SECRET = { "x-internal-secret": process.env.INTERNAL_API_SECRET };
const post = async (body: string, headers: Record<string, string> = SECRET) =>
  (await batch).POST(new Request("http://app/api/internal/messages/batch", { method: "POST", body, headers }));
const one = (id: string) => ({ id, chatId: "c1", content: id, role: "USER", userId: "anon_1", clientMessageId: id, sentAt: "2026-01-02T03:04:05.678Z" });

test("the batch route answers in the agreed shape", async () => {
  const response = await post(JSON.stringify({ messages: [one("a"), one("b"), one("c")] }));
  assert.equal(response.status, 200);
  const { results } = (await response.json()) as { results: { status: number; message: { id: string } }[] };
  assert.deepEqual(results.map((r) => [r.status, r.message.id]), [[201, "a"], [201, "b"], [201, "c"]]);
});

test("the batch route refuses", async () => {
  const cases: [number, string, Record<string, string>?][] = [
    [401, "{}", {}],
    [401, "{}", { "x-internal-secret": "wrong" }],
    [400, "{"],
    [400, "null"],
    [400, '{"messages":{}}'],
    [413, JSON.stringify({ messages: new Array(1001).fill(null) })],
    [413, `"${"ä".repeat(2_300_000)}"`],
    [413, "{}", { ...SECRET, "content-length": "4500001" }],
  ];
  for (const [status, body, headers] of cases) {
    const response = await post(body, headers);
    const { error } = (await response.json()) as { error: string };
    assert.equal(response.status, status, body.slice(0, 40));
    assert.equal(typeof error, "string");
  }
});

test("without a configured secret nobody passes", async () => {
  const kept = process.env.INTERNAL_API_SECRET;
  process.env.INTERNAL_API_SECRET = "";
  assert.equal((await post("{}", { "x-internal-secret": "" })).status, 401);
  process.env.INTERNAL_API_SECRET = kept;
});

test("a database that is down answers 503 and tells nothing", async (t) => {
  const log = t.mock.method(console, "error", () => {});
  db.down = true;
  const response = await post(JSON.stringify({ messages: [one("d")] }));
  db.down = false;
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { error: "Messages could not be stored" });
  assert.deepEqual(log.mock.calls.map((c) => c.arguments), [["messages/batch failed:", "Error"]]);
});

test("history after a message", async () => {
  const get = async (chatId: string, query: string, headers: Record<string, string> = SECRET) => {
    const request = new Request(`http://app/api/internal/chats/${chatId}/messages${query}`, { headers });
    const response = await (await history).GET(request, { params: Promise.resolve({ chatId }) });
    const body = (await response.json()) as { messages?: { id: string }[] };
    return [response.status, body.messages?.map((m) => m.id).join(" ")];
  };
  assert.deepEqual(await get("c1", ""), [200, "a b c"]);
  assert.deepEqual(await get("c1", "?limit=2"), [200, "b c"]);
  assert.deepEqual(await get("c1", "?after=a"), [200, "b c"]);
  assert.deepEqual(await get("c1", "?after=a&limit=1"), [200, "b"]);
  assert.deepEqual(await get("c2", ""), [200, ""]);
  assert.deepEqual(await get("c2", "?after=a"), [404, undefined]);
  assert.deepEqual(await get("nochat", ""), [404, undefined]);
  assert.deepEqual(await get("../c1", ""), [404, undefined]);
  assert.deepEqual(await get("c1", "?limit=0"), [400, undefined]);
  assert.deepEqual(await get("c1", "", {}), [401, undefined]);
});

test("history of many chats", async () => {
  const ask = async (body: string, headers: Record<string, string> = SECRET) => {
    const response = await (await histories).POST(new Request("http://app/api/internal/messages/after", { method: "POST", body, headers }));
    const { chats } = (await response.json()) as { chats?: { messages?: { id: string }[]; error?: string }[] };
    return [response.status, chats?.map((chat) => chat.error ?? chat.messages!.map((m) => m.id).join(" "))];
  };
  const chats = [{ chatId: "c1", after: "a" }, { chatId: "c1" }, { chatId: "c2" }, { chatId: "c2", after: "a" }, { chatId: "../c1" }, null];
  assert.deepEqual(await ask(JSON.stringify({ chats, limit: 9 })), [
    200,
    ["b c", "c", "", "Message not found", "Chat not found", "Chat not found"],
  ]);
  assert.deepEqual(await ask('{"chats":[],"limit":1}'), [200, []]);
  for (const body of ["{", "null", '{"chats":{},"limit":1}', '{"chats":[]}', '{"chats":[],"limit":0}']) {
    assert.deepEqual(await ask(body), [400, undefined], body);
  }
  assert.deepEqual(await ask("{}", {}), [401, undefined]);
});

test("history of many chats takes few queries", async () => {
  const before = db.statements;
  const chats = Array.from({ length: 50 }, () => ({ chatId: "c1", after: "a" }));
  await (await histories).POST(new Request("http://app/api/internal/messages/after", { method: "POST", body: JSON.stringify({ chats, limit: 9 }), headers: SECRET }));
  assert.equal(db.statements - before, 2 + 50);
});

test("nobody gets a token before the app says who may", async () => {
  const kept = process.env.NODE_ENV;
  Object.assign(process.env, { NODE_ENV: "production" });
  await assert.rejects(async () => (await token).GET(new Request("http://app/api/ws/token?chatId=c1")), /mayOpenChat/);
  if (kept === undefined) delete (process.env as Record<string, string | undefined>).NODE_ENV;
  else Object.assign(process.env, { NODE_ENV: kept });
});

test("a visitor's token", async () => {
  const get = async (query: string) => (await token).GET(new Request(`http://app/api/ws/token${query}`));
  const response = await get("?chatId=c1");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const answer = (await response.json()) as { token: string; wsUrl: string; userId: string; chatId: string };
  const key = new TextEncoder().encode(process.env.JWT_SECRET);
  const { payload, protectedHeader } = await jwtVerify(answer.token, key, { algorithms: ["HS256"] });
  assert.equal(protectedHeader.alg, "HS256");
  assert.equal(payload.exp! - payload.iat!, 2 * 60 * 60);
  assert.deepEqual(
    { userId: payload.userId, chatId: payload.chatId, isAuthenticated: payload.isAuthenticated, role: payload.role },
    { userId: answer.userId, chatId: "c1", isAuthenticated: false, role: undefined },
  );
  assert.match(answer.userId, /^anon_[0-9a-f-]{36}$/);
  assert.equal(answer.wsUrl, "wss://chat.example.com");
  assert.equal((await get("?chatId=nochat")).status, 404);
  assert.equal((await get("?chatId=..%2Fc1")).status, 400);
  assert.equal((await get("")).status, 400);
});

test("a short secret gives no token", async (t) => {
  t.mock.method(console, "error", () => {});
  const kept = process.env.JWT_SECRET;
  process.env.JWT_SECRET = "short";
  const response = await (await token).GET(new Request("http://app/api/ws/token?chatId=c1"));
  process.env.JWT_SECRET = kept;
  assert.equal(response.status, 500);
});
