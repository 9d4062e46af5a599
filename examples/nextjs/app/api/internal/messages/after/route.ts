import { historiesOf } from "@/lib/history";
import { failure, hasInternalSecret } from "@/lib/internal";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";

const MAX_CHATS = 1000;

type Question = { chatId?: unknown; after?: unknown } | null;

/**
 * Optional, beside the route for one chat: the same of many chats in one call. A chat without `after` is answered with its
 * latest message only.
 */
export async function POST(request: Request): Promise<Response> {
  if (!hasInternalSecret(request)) return failure(401, "Unauthorized");
  let body: { chats?: unknown; limit?: unknown } | null;
  try {
    body = await request.json();
  } catch {
    return failure(400, "Request body is not valid JSON");
  }
  const questions = body?.chats;
  const limit = Number(body?.limit);
  if (!Array.isArray(questions) || questions.length > MAX_CHATS) return failure(400, "chats must be an array");
  if (!Number.isInteger(limit) || limit < 1) return failure(400, "limit must be a positive number");

  const chats = await historiesOf(
    (questions as Question[]).map((q) => ({ chatId: q?.chatId, after: q?.after, limit: typeof q?.after === "string" ? limit : 1 })),
  );
  return Response.json({ chats });
}
