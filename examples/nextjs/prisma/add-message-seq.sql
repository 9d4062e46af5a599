-- Gives a table of messages that has rows already its `seq`, in place of the migration that Prisma would write: that one locks the table
-- while it writes it anew, and numbers the rows as they lie on disk, so the router would take old messages for new ones.
-- Run it with psql, outside of a transaction, before the code that uses `seq`. New rows may come meanwhile.

ALTER TABLE "Message" ADD COLUMN IF NOT EXISTS "seq" INTEGER;
CREATE SEQUENCE IF NOT EXISTS "Message_seq_seq" AS INTEGER OWNED BY "Message"."seq";

-- New rows take numbers above those of the rows that are there, however many come before the default holds.
SELECT setval('"Message_seq_seq"', (SELECT count(*) FROM "Message") + 1000000);
ALTER TABLE "Message" ALTER COLUMN "seq" SET DEFAULT nextval('"Message_seq_seq"');

UPDATE "Message" SET "seq" = old.n
FROM (SELECT "id", row_number() OVER (ORDER BY "createdAt", "id") AS n FROM "Message" WHERE "seq" IS NULL) AS old
WHERE "Message"."id" = old."id";

-- Checked without a lock that stops writers, so that NOT NULL need not look at the rows.
ALTER TABLE "Message" ADD CONSTRAINT "Message_seq_there" CHECK ("seq" IS NOT NULL) NOT VALID;
ALTER TABLE "Message" VALIDATE CONSTRAINT "Message_seq_there";
ALTER TABLE "Message" ALTER COLUMN "seq" SET NOT NULL;
ALTER TABLE "Message" DROP CONSTRAINT "Message_seq_there";

CREATE INDEX CONCURRENTLY IF NOT EXISTS "Message_chatId_seq_idx" ON "Message" ("chatId", "seq");
