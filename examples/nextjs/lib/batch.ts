// Stores a batch of messages: each once, in order per chat, one chat's trouble never another's. See README.md for the
// rules and why each is there.

import { Prisma, type MessageRole, type PrismaClient } from "@prisma/client";
import { storedUnder } from "@/lib/app";
import { CHAT_ID } from "@/lib/internal";
import { toMessage, withSender, type StoredMessage } from "@/lib/messages";

export type Database = Pick<PrismaClient, "message" | "chat" | "user">;

export type Result =
  | { status: 200 | 201; message: ReturnType<typeof toMessage> }
  | { status: number; error: string };

interface NewMessage {
  id: string;
  chatId: string;
  content: string;
  role: MessageRole;
  senderId: string;
  createdAt: Date;
  userId: string; // the token's
}

/** A valid message and its place in the batch. */
interface Item {
  at: number;
  message: NewMessage;
}

const MAX_CONTENT = 64_000; // UTF-16 units; raise it with the router's MAX_CONTENT_CHARS
const CHATS_AT_ONCE = 4; // connections of the pool that one call may take

/** Throws when the database cannot be reached; then nothing of use is known and the router tries the call again. */
export async function storeBatch(db: Database, messages: unknown[]): Promise<Result[]> {
  const results = new Array<Result>(messages.length);
  let items: Item[] = [];
  messages.forEach((value, at) => {
    const message = parse(value);
    if (typeof message === "string") results[at] = { status: 400, error: message };
    else items.push({ at, message });
  });

  const known = await rowsOf(db, items);
  items = await refuseStrangers(db, items, results);
  const fresh = distinct(items.filter((i) => !known.has(i.message.id)));
  await eachChat(fresh, (chat) => storeChat(db, chat, results));

  const rows = await rowsOf(db, items);
  const created = new Set(fresh.map((i) => i.at));
  for (const { at, message } of items) {
    results[at] ??= stored(message, rows.get(message.id), created.has(at));
  }
  return results;
}

/** Returns what is wrong with a message as text, or the message. */
function parse(value: unknown): NewMessage | string {
  if (typeof value !== "object" || value === null) return "Message must be an object";
  const { id, chatId, content, role, userId, sentAt } = value as Record<string, unknown>;
  if (typeof id !== "string" || id.length < 1 || id.length > 128) return "Valid id is required";
  if (typeof chatId !== "string" || !CHAT_ID.test(chatId)) return "Valid chatId is required";
  if (typeof content !== "string" || content.trim() === "") return "Message content is required";
  if (content.length > MAX_CONTENT) return "Message content is too long";
  // PostgreSQL stores no NUL in text. Left to the database it would look like trouble that passes, and block the chat.
  if (content.includes("\0") || id.includes("\0")) return "Message must not contain NUL";
  if (role !== "USER" && role !== "ASSISTANT" && role !== "AGENT") return "Valid role is required (USER, ASSISTANT, or AGENT)";
  if (typeof userId !== "string" || userId === "" || userId.includes("\0")) return "userId is required";
  const createdAt = new Date(typeof sentAt === "string" ? sentAt : NaN);
  if (Number.isNaN(createdAt.getTime())) return "Valid sentAt is required";
  return { id, chatId, content, role, senderId: storedUnder(userId), createdAt, userId };
}

async function rowsOf(db: Database, items: Item[]): Promise<Map<string, StoredMessage>> {
  const ids = [...new Set(items.map((i) => i.message.id))];
  if (ids.length === 0) return new Map();
  const rows = await db.message.findMany({ where: { id: { in: ids } }, include: withSender });
  return new Map(rows.map((row) => [row.id, row]));
}

/** Answers the messages of chats and users that do not exist, and returns the others. */
async function refuseStrangers(db: Database, items: Item[], results: Result[]): Promise<Item[]> {
  if (items.length === 0) return items;
  const named = (ids: string[]) => ({ where: { id: { in: [...new Set(ids)] } }, select: { id: true } });
  const [chats, users] = await Promise.all([
    db.chat.findMany(named(items.map((i) => i.message.chatId))),
    db.user.findMany(named(items.map((i) => i.message.senderId))),
  ]);
  const chatIds = new Set(chats.map((c) => c.id));
  const userIds = new Set(users.map((u) => u.id));
  return items.filter(({ at, message }) => {
    if (!chatIds.has(message.chatId)) results[at] = { status: 404, error: "Chat not found" };
    else if (!userIds.has(message.senderId)) results[at] = withoutUser(message);
    return results[at] === undefined;
  });
}

/** A sender without a row. The user for visitors is missing when the app was set up wrongly: that passes, so nothing is lost by it. */
function withoutUser({ senderId, userId }: NewMessage): Result {
  if (senderId === userId) return { status: 422, error: "User not found" };
  console.error(`messages/batch: the user ${senderId}, which storedUnder names, does not exist; messages wait until it does`);
  return { status: 503, error: "Sender is not set up" };
}

function distinct(items: Item[]): Item[] {
  const seen = new Set<string>();
  return items.filter(({ message }) => !seen.has(message.id) && seen.add(message.id));
}

/** Runs f for each chat's items, a few chats at a time. */
async function eachChat(items: Item[], f: (chat: Item[]) => Promise<void>): Promise<void> {
  const chats = new Map<string, Item[]>();
  for (const item of items) {
    const chat = chats.get(item.message.chatId);
    if (chat) chat.push(item);
    else chats.set(item.message.chatId, [item]);
  }
  const waiting = [...chats.values()];
  const worker = async () => {
    for (let chat = waiting.shift(); chat; chat = waiting.shift()) await f(chat);
  };
  await Promise.all(Array.from({ length: CHATS_AT_ONCE }, worker));
}

/** Stores one chat's messages in order: all in one statement, or one by one when that fails. */
async function storeChat(db: Database, chat: Item[], results: Result[]): Promise<void> {
  try {
    // skipDuplicates: another call may have stored the same id since we looked.
    await db.message.createMany({ data: chat.map((i) => rowOf(i.message)), skipDuplicates: true });
  } catch {
    await storeOneByOne(db, chat, results);
  }
}

async function storeOneByOne(db: Database, chat: Item[], results: Result[]): Promise<void> {
  let failed = false;
  for (const { at, message } of chat) {
    if (failed) {
      results[at] = { status: 424, error: "An earlier message of this chat was not stored" };
      continue;
    }
    try {
      await db.message.createMany({ data: [rowOf(message)], skipDuplicates: true });
    } catch (error) {
      console.error(`messages/batch: ${message.id} was not stored: ${nameOf(error)}`);
      const refusal = finalRefusal(error);
      results[at] = refusal ?? { status: 503, error: "Not stored" };
      failed = refusal === null;
    }
  }
}

function rowOf({ userId: _, ...row }: NewMessage) {
  return row;
}

/** What may be logged of an error: its text may hold content. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const code = "code" in error ? String(error.code) : stateOf(error);
  return code ? `${error.name} ${code}` : error.name;
}

// PostgreSQL's code in an error for which Prisma has none of its own.
function stateOf(error: Error): string | undefined {
  return /code: "([0-9A-Z]{5})"/.exec(error.message)?.[1];
}

// A value that PostgreSQL cannot have (class 22), or that breaks a NOT NULL or CHECK constraint.
const NEVER = /^(22...|23502|23514)$/;

/** What no repetition can change; null = it may pass. */
function finalRefusal(error: unknown): Result | null {
  if (error instanceof Prisma.PrismaClientUnknownRequestError && NEVER.test(stateOf(error) ?? "")) {
    return { status: 422, error: "Message cannot be stored" };
  }
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return null;
  switch (error.code) {
    case "P2003": // foreign key: the chat or the user was deleted since we looked
      return { status: 404, error: "Chat not found" };
    case "P2000": // too long for its column
    case "P2007": // not valid for its type
      return { status: 422, error: "Message cannot be stored" };
  }
  return null;
}

function stored(message: NewMessage, row: StoredMessage | undefined, created: boolean): Result {
  if (!row) return { status: 503, error: "Not stored" };
  if (row.chatId !== message.chatId) return { status: 409, error: "The id belongs to a message of another chat" };
  return { status: created ? 201 : 200, message: toMessage(row) };
}
