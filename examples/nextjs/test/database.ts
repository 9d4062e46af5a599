// As much of Prisma as the routes use, in memory.

import { Prisma } from "@prisma/client";
import type { Database } from "@/lib/batch";

interface Row {
  id: string;
  chatId: string;
  content: string;
  role: string;
  senderId: string;
  createdAt: Date;
  seq: number;
}

type Where = { id?: string | { in: string[] }; chatId?: string; seq?: { gt: number } };

export class FakeDatabase {
  rows: Row[] = [];
  chats = new Set(["c1", "c2"]);
  users = new Map([
    ["user_anonymous", { id: "user_anonymous", name: "Anonymous", email: null, image: null }],
    ["u1", { id: "u1", name: "Ada", email: "ada@example.com", image: null }],
  ]);
  statements = 0;
  /** Called before a message is inserted; throws to make the database fail. */
  beforeInsert: (row: { id: string; content: string }) => void = () => {};
  down = false;

  message = {
    findMany: async ({ where, orderBy, take }: { where: Where; orderBy?: { seq: "asc" | "desc" }; take?: number }) => {
      this.#use();
      const found = this.rows.filter((row) => matches(row, where));
      if (orderBy?.seq === "desc") found.reverse();
      return found.slice(0, take ?? found.length).map((row) => ({ ...row, sender: this.users.get(row.senderId) }));
    },
    createMany: async ({ data, skipDuplicates }: { data: Row[]; skipDuplicates?: boolean }) => {
      this.#use();
      const added: Row[] = []; // one statement: all or nothing
      for (const row of data) {
        this.beforeInsert(row);
        if (!this.chats.has(row.chatId)) throw known("P2003");
        const repeat = [...this.rows, ...added].some((other) => other.id === row.id);
        if (repeat && !skipDuplicates) throw known("P2002");
        if (!repeat) added.push({ ...row, seq: this.rows.length + added.length + 1 });
      }
      this.rows.push(...added);
      return { count: added.length };
    },
  };

  chat = {
    findMany: async ({ where }: { where: { id: { in: string[] } } }) => {
      this.#use();
      return where.id.in.filter((id) => this.chats.has(id)).map((id) => ({ id }));
    },
    count: async ({ where }: { where: { id: string } }) => (this.chats.has(where.id) ? 1 : 0),
  };

  user = {
    findMany: async ({ where }: { where: { id: { in: string[] } } }) => {
      this.#use();
      return where.id.in.filter((id) => this.users.has(id)).map((id) => ({ id }));
    },
  };

  /** The same object with Prisma's type: what is missing here the routes do not use. */
  get asPrisma(): Database {
    return this as unknown as Database;
  }

  contents(chatId: string): string[] {
    return this.rows.filter((row) => row.chatId === chatId).map((row) => row.content);
  }

  #use() {
    this.statements += 1;
    if (this.down) throw new Error("Can't reach database server");
  }
}

export function known(code: string): Error {
  return new Prisma.PrismaClientKnownRequestError("refused", { code, clientVersion: "test" });
}

function matches(row: Row, where: Where): boolean {
  if (typeof where.id === "string" ? row.id !== where.id : where.id && !where.id.in.includes(row.id)) return false;
  return (where.chatId === undefined || row.chatId === where.chatId) && (!where.seq || row.seq > where.seq.gt);
}

/** What lib/prisma.ts takes instead of making a client, where this file is imported before it. */
export const shared = new FakeDatabase();
(globalThis as { prisma?: unknown }).prisma = shared;
