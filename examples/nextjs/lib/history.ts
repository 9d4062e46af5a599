// What the chat router asks for when it looks for messages whose publish was lost.

import { CHAT_ID } from "@/lib/internal";
import { toMessage, withSender } from "@/lib/messages";
import { prisma } from "@/lib/prisma";

export const MAX_LIMIT = 500;

type History = { messages: ReturnType<typeof toMessage>[] } | { error: string };

/** A chat's messages after one, oldest first, or its latest ones. */
export async function historyOf(chatId: unknown, after: unknown, limit: number): Promise<History> {
  if (typeof chatId !== "string" || !CHAT_ID.test(chatId) || !(await prisma.chat.count({ where: { id: chatId } }))) {
    return { error: "Chat not found" };
  }
  const take = Math.min(limit, MAX_LIMIT);
  if (typeof after !== "string") {
    const latest = await prisma.message.findMany({ where: { chatId }, orderBy: { seq: "desc" }, take, include: withSender });
    return { messages: latest.reverse().map(toMessage) };
  }
  const last = await prisma.message.findFirst({ where: { id: after, chatId }, select: { seq: true } });
  if (!last) return { error: "Message not found" };
  const rows = await prisma.message.findMany({
    where: { chatId, seq: { gt: last.seq } },
    orderBy: { seq: "asc" },
    take,
    include: withSender,
  });
  return { messages: rows.map(toMessage) };
}
