// What only your app knows. Fill these in; the routes call nothing else of yours.

import { prisma } from "@/lib/prisma";

export interface SessionUser {
  id: string;
  /** Agents may speak as USER, ASSISTANT and AGENT; everybody else as USER only. */
  isAgent: boolean;
}

/**
 * Who is signed in, null for a visitor without an account. With NextAuth, for example:
 * `const user = (await auth())?.user; return user?.id ? { id: user.id, isAgent: user.role === "agent" } : null`.
 */
export async function currentUser(_request: Request): Promise<SessionUser | null> {
  return null;
}

/**
 * Whether this person may open this chat. A token is the only thing that the router asks for, so this is the place to
 * say no: to a signed-in customer who asks for another customer's chat, and to everybody else who asks for that one. With
 * an owner in your chats, for example:
 *
 *     const chat = await prisma.chat.findUnique({ where: { id: chatId }, select: { ownerId: true } });
 *     return chat !== null && (user?.isAgent === true || chat.ownerId === null || chat.ownerId === user?.id);
 */
export async function mayOpenChat(_user: SessionUser | null, chatId: string): Promise<boolean> {
  if (process.env.NODE_ENV === "production") throw new Error("lib/app.ts: fill in mayOpenChat, or everybody may open every chat");
  return (await prisma.chat.count({ where: { id: chatId } })) === 1;
}

/**
 * The user under whom a sender's messages are stored. Visitors have a new `anon_…` id with every token and no row of
 * their own, so all share one user, which your seed creates.
 */
export function storedUnder(userId: string): string {
  return userId.startsWith("anon_") ? "user_anonymous" : userId;
}
