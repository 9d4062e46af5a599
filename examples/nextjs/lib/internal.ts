// Shared by the routes that the chat router calls.

import { createHash, timingSafeEqual } from "node:crypto";

/** 1–64 of these: what a chat id may be made of. */
export const CHAT_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Compares in constant time; hashing first makes the lengths equal. Without a configured secret nobody passes. */
export function hasInternalSecret(request: Request): boolean {
  const secret = process.env.INTERNAL_API_SECRET;
  if (!secret) return false;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(request.headers.get("x-internal-secret") ?? ""), digest(secret));
}

/**
 * The body `{"error": string}` is how the router knows that this app answered, and not a proxy in between: only with
 * it does it take a 400 or 404 as final.
 */
export function failure(status: number, error: string): Response {
  return Response.json({ error }, { status });
}
