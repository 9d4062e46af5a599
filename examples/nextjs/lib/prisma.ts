import { PrismaClient } from "@prisma/client";

// One client per process, also when the development server reloads modules. Your app has such a file already.
const kept = globalThis as { prisma?: PrismaClient };

export const prisma = (kept.prisma ??= new PrismaClient());
