import { SignJWT } from "jose";
import { currentUser, mayOpenChat, type SessionUser } from "@/lib/app";
import { CHAT_ID, failure } from "@/lib/internal";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";

/** Gives a browser the token that opens a chat's socket. */
export async function GET(request: Request): Promise<Response> {
  const chatId = new URL(request.url).searchParams.get("chatId") ?? "";
  if (!CHAT_ID.test(chatId)) return failure(400, "Valid chatId is required");
  const user = await currentUser(request);
  if (!(await mayOpenChat(user, chatId))) return failure(404, "Chat not found");

  const secret = process.env.JWT_SECRET ?? "";
  const wsUrl = process.env.CHAT_WS_URL;
  if (Buffer.byteLength(secret) < 32 || !wsUrl) {
    console.error("ws/token: JWT_SECRET (at least 32 bytes) and CHAT_WS_URL must be set");
    return failure(500, "Chat is not configured");
  }
  const claims = claimsFor(user, chatId);
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setIssuedAt()
    .setExpirationTime("2h")
    .sign(new TextEncoder().encode(secret));
  return Response.json(
    { token, wsUrl, userId: claims.userId, chatId },
    { headers: { "Cache-Control": "no-store" } },
  );
}

/**
 * A role claim is the only role that the socket may use. Agents get none, and so may use any; visitors need none, since
 * the router lets isAuthenticated: false speak as USER only.
 */
function claimsFor(user: SessionUser | null, chatId: string) {
  if (!user) return { userId: `anon_${crypto.randomUUID()}`, chatId, isAuthenticated: false };
  const identity = { userId: user.id, chatId, isAuthenticated: true };
  return user.isAgent ? identity : { ...identity, role: "USER" };
}
