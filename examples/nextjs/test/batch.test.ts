import assert from "node:assert/strict";
import { test } from "node:test";
import { Prisma } from "@prisma/client";
import { FakeDatabase, known } from "./database"; // before what it replaces
import { storeBatch } from "@/lib/batch";

const message = (id: string, chatId: string, content: string, more: object = {}) => ({
  id, chatId, content, role: "USER", userId: "anon_1", clientMessageId: `c-${id}`, sentAt: "2026-01-02T03:04:05.678Z", ...more,
});

const store = async (db: FakeDatabase, ...messages: unknown[]) => storeBatch(db.asPrisma, messages);
const statuses = (results: { status: number }[]) => results.map((r) => r.status).join(" ");

test("stores what comes as it comes", async () => {
  const db = new FakeDatabase();
  const results = await store(db, message("a", "c1", " one "), message("b", "c2", "two", { userId: "u1", role: "AGENT" }));
  assert.deepEqual(results, [
    {
      status: 201,
      message: {
        id: "a", content: " one ", role: "USER", createdAt: "2026-01-02T03:04:05.678Z",
        sender: { id: "user_anonymous", name: "Anonymous", email: null, avatar: null },
      },
    },
    {
      status: 201,
      message: {
        id: "b", content: "two", role: "AGENT", createdAt: "2026-01-02T03:04:05.678Z",
        sender: { id: "u1", name: "Ada", email: "ada@example.com", avatar: null },
      },
    },
  ]);
});

test("a repeat answers the stored row and stores nothing", async () => {
  const db = new FakeDatabase();
  await store(db, message("a", "c1", "one"));
  const again = await store(db, message("a", "c1", "changed"), message("b", "c1", "two"), message("b", "c1", "two again"), message("a", "c2", "theirs"));
  assert.equal(statuses(again), "200 201 200 409");
  assert.equal("message" in again[0]! && again[0].message.content, "one");
  assert.deepEqual(db.contents("c1"), ["one", "two"]);
});

test("a race with another call stores once", async () => {
  const db = new FakeDatabase();
  const results = await Promise.all([store(db, message("a", "c1", "one")), store(db, message("a", "c1", "one"))]);
  for (const [result] of results) assert.ok(result!.status === 200 || result!.status === 201);
  assert.deepEqual(db.contents("c1"), ["one"]);
});

test("refuses each bad message alone", async () => {
  const db = new FakeDatabase();
  const results = await store(
    db,
    message("first", "c1", "first"),
    null, "text", [],
    message("", "c1", "x"), message("i".repeat(129), "c1", "x"), message("x", "../c1", "x"), message("x", "c1", " \n"), message("x", "c1", "a\0b"),
    message("x", "c1", "x".repeat(64_001)), message("x", "c1", "x", { role: "user" }), message("x", "c1", "x", { userId: "" }),
    message("x", "c1", "x", { sentAt: "soon" }), message("x", "c1", "x", { sentAt: 7 }),
    message("x", "nochat", "x"), message("x", "c1", "x", { userId: "nobody" }),
    message("last", "c1", "last"),
  );
  assert.equal(statuses(results), "201 " + "400 ".repeat(13) + "404 422 201");
  for (const result of results.slice(1, -1)) assert.ok("error" in result && result.error.length > 0);
  assert.deepEqual(db.contents("c1"), ["first", "last"]);
});

test("after a failure the chat waits and the others do not", async () => {
  const db = new FakeDatabase();
  const batch = [message("1", "c1", "one"), message("2", "c2", "two"), message("3", "c1", "bad"), message("4", "c2", "four"), message("5", "c1", "five")];
  db.beforeInsert = (row) => {
    if (row.content === "bad") throw new Error("connection lost");
  };
  assert.equal(statuses(await store(db, ...batch)), "201 201 503 201 424");
  assert.deepEqual(db.contents("c1"), ["one"]);
  assert.deepEqual(db.contents("c2"), ["two", "four"]);
  db.beforeInsert = () => {};
  assert.equal(statuses(await store(db, ...batch)), "200 200 201 200 201");
  assert.deepEqual(db.contents("c1"), ["one", "bad", "five"]);
});

test("what can never be stored does not block its chat", async () => {
  for (const [code, status] of [["P2000", 422], ["P2007", 422], ["P2003", 404]] as const) {
    const db = new FakeDatabase();
    db.beforeInsert = (row) => {
      if (row.content === "bad") throw known(code);
    };
    assert.equal(statuses(await store(db, message("1", "c1", "bad"), message("2", "c1", "two"))), `${status} 201`);
  }
});

test("a constraint of the table's refuses for good", async (t) => {
  const log = t.mock.method(console, "error", () => {});
  for (const [state, status] of [["23514", 422], ["22001", 422], ["40001", 503]] as const) {
    const db = new FakeDatabase();
    db.beforeInsert = (row) => {
      if (row.content !== "bad") return;
      const text = `Error occurred: ConnectorError(QueryError(PostgresError { code: "${state}", message: "secret words" }))`;
      throw new Prisma.PrismaClientUnknownRequestError(text, { clientVersion: "test" });
    };
    assert.equal(statuses(await store(db, message("1", "c1", "bad"))), `${status}`);
  }
  assert.deepEqual(log.mock.calls.map((c) => c.arguments[0]), ["23514", "22001", "40001"].map((state) =>
    `messages/batch: 1 was not stored: PrismaClientUnknownRequestError ${state}`));
});

test("messages of visitors wait for the user that they are stored under", async (t) => {
  const log = t.mock.method(console, "error", () => {});
  const db = new FakeDatabase();
  const anonymous = db.users.get("user_anonymous")!;
  db.users.delete("user_anonymous");
  assert.equal(statuses(await store(db, message("1", "c1", "one"))), "503");
  assert.match(String(log.mock.calls[0]!.arguments[0]), /user_anonymous/);
  db.users.set("user_anonymous", anonymous);
  assert.equal(statuses(await store(db, message("1", "c1", "one"))), "201");
});

test("a full batch takes few statements", async () => {
  const db = new FakeDatabase();
  await store(db, ...Array.from({ length: 100 }, (_, i) => message(`m${i}`, `c${1 + (i % 2)}`, `${i}`)));
  assert.equal(db.rows.length, 100);
  assert.equal(db.statements, 6); // known rows, chats, users, one insert per chat, stored rows
});

test("nothing to store", async () => {
  assert.deepEqual(await store(new FakeDatabase()), []);
});

test("a database that is down fails the whole call", async () => {
  const db = new FakeDatabase();
  db.down = true;
  await assert.rejects(store(db, message("a", "c1", "one")));
});
