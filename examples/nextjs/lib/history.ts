// What the chat router asks for when it looks for messages whose publish was lost.

import { CHAT_ID } from "@/lib/internal";
import { toMessage, withSender } from "@/lib/messages";
import { prisma } from "@/lib/prisma";

export const MAX_LIMIT = 500;
const AT_ONCE = 10; // chats that are read beside each other, so that the database has connections left

export type History = { messages: ReturnType<typeof toMessage>[] } | { error: string };

export interface Question {
  chatId: unknown;
  after: unknown; // id of a message; anything but a text: the latest ones
  limit: number;
}

/** Each chat's messages after one, oldest first, or its latest ones. Two queries for all, and one for each chat. */
export async function historiesOf(questions: Question[]): Promise<History[]> {
  const chatIds = questions.map((q) => q.chatId).filter((id): id is string => typeof id === "string" && CHAT_ID.test(id));
  const ids = questions.map((q) => q.after).filter((id): id is string => typeof id === "string" && !id.includes("\0"));
  const chats = chatIds.length === 0 ? [] : await prisma.chat.findMany({ where: { id: { in: [...new Set(chatIds)] } }, select: { id: true } });
  const known = new Set<unknown>(chats.map((c) => c.id));
  const marks = ids.length === 0 ? [] : await prisma.message.findMany({ where: { id: { in: [...new Set(ids)] } }, select: { id: true, chatId: true, seq: true } });
  const places = new Map(marks.map((m) => [m.id, m]));

  const histories: History[] = [];
  for (let i = 0; i < questions.length; i += AT_ONCE) {
    const some = questions.slice(i, i + AT_ONCE).map(({ chatId, after, limit }) => {
      if (typeof chatId !== "string" || !known.has(chatId)) return { error: "Chat not found" };
      const mark = typeof after === "string" ? places.get(after) : null;
      if (mark === undefined || (mark && mark.chatId !== chatId)) return { error: "Message not found" };
      return messagesOf(chatId, mark?.seq ?? null, Math.min(limit, MAX_LIMIT));
    });
    histories.push(...(await Promise.all(some)));
  }
  return histories;
}

async function messagesOf(chatId: string, after: number | null, take: number): Promise<History> {
  const rows = await prisma.message.findMany({
    where: after === null ? { chatId } : { chatId, seq: { gt: after } },
    orderBy: { seq: after === null ? "desc" : "asc" },
    take,
    include: withSender,
  });
  return { messages: (after === null ? rows.reverse() : rows).map(toMessage) };
}
