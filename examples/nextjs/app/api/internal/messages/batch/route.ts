import { nameOf, storeBatch } from "@/lib/batch";
import { failure, hasInternalSecret } from "@/lib/internal";
import { prisma } from "@/lib/prisma";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";
export const maxDuration = 15; // s: the router does not wait longer

const MAX_BODY = 4_500_000; // bytes; Vercel's own limit
const MAX_MESSAGES = 1000;

/** Stores messages for the chat router, and never publishes: the router delivers what it stored. */
export async function POST(request: Request): Promise<Response> {
  if (!hasInternalSecret(request)) return failure(401, "Unauthorized");
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) return failure(413, "Request body is too large");
  const text = await request.text();
  if (Buffer.byteLength(text) > MAX_BODY) return failure(413, "Request body is too large");

  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return failure(400, "Request body is not valid JSON");
  }
  const messages = (body as { messages?: unknown } | null)?.messages;
  if (!Array.isArray(messages)) return failure(400, "messages must be an array");
  if (messages.length > MAX_MESSAGES) return failure(413, "Too many messages");

  try {
    return Response.json({ results: await storeBatch(prisma, messages) });
  } catch (error) {
    console.error("messages/batch failed:", nameOf(error));
    return failure(503, "Messages could not be stored");
  }
}
