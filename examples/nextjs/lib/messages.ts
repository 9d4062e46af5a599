import type { Prisma } from "@prisma/client";

/** What has to be read with a message, so that toMessage can show its sender. */
export const withSender = {
  sender: { select: { id: true, name: true, email: true, image: true } },
} satisfies Prisma.MessageInclude;

export type StoredMessage = Prisma.MessageGetPayload<{ include: typeof withSender }>;

/** A message as the router expects it, the same as in the answer of the single route. */
export function toMessage(row: StoredMessage) {
  const { id, name, email, image } = row.sender;
  return {
    id: row.id,
    content: row.content,
    role: row.role,
    createdAt: row.createdAt.toISOString(),
    sender: { id, name, email, avatar: image },
  };
}
