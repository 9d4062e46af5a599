import { historiesOf, MAX_LIMIT } from "@/lib/history";
import { failure, hasInternalSecret } from "@/lib/internal";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";

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
  const [history] = await historiesOf([{ chatId, after: query.get("after"), limit }]);
  if (!history) return failure(404, "Chat not found");
  return "error" in history ? failure(404, history.error) : Response.json(history);
}
