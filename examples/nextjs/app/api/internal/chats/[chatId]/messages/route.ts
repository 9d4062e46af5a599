import { CHAT_ID, failure, hasInternalSecret } from "@/lib/internal";
import { toMessage, withSender } from "@/lib/messages";
import { prisma } from "@/lib/prisma";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";

const MAX_LIMIT = 500;

/**
 * Optional. Tells the chat router what was stored after a message, oldest first, so that it finds messages whose
 * publish was lost: ?after=<message id>&limit=<1–500>. Without `after`, the latest ones.
 */
export async function GET(
  request: Request,
  { params }: { params: Promise<{ chatId: string }> },
): Promise<Response> {
  if (!hasInternalSecret(request)) return failure(401, "Unauthorized");
  const { chatId } = await params;
  const query = new URL(request.url).searchParams;
  const limit = Number(query.get("limit") ?? MAX_LIMIT);
  if (!Number.isInteger(limit) || limit < 1) return failure(400, "limit must be a positive number");
  if (!CHAT_ID.test(chatId) || !(await prisma.chat.count({ where: { id: chatId } }))) return failure(404, "Chat not found");

  const take = Math.min(limit, MAX_LIMIT);
  const after = query.get("after");
  if (after === null) {
    const latest = await prisma.message.findMany({ where: { chatId }, orderBy: { seq: "desc" }, take, include: withSender });
    return Response.json({ messages: latest.reverse().map(toMessage) });
  }
  const last = await prisma.message.findFirst({ where: { id: after, chatId }, select: { seq: true } });
  if (!last) return failure(404, "Message not found");
  const rows = await prisma.message.findMany({
    where: { chatId, seq: { gt: last.seq } },
    orderBy: { seq: "asc" },
    take,
    include: withSender,
  });
  return Response.json({ messages: rows.map(toMessage) });
}
