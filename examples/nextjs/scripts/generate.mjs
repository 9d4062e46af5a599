// Runs `prisma generate` without downloading Prisma's engines: making the types needs none, and naming any existing
// file as the engine keeps the CLI from fetching one. Only for this folder; your app generates as it always did.
import { spawnSync } from "node:child_process";

const { status } = spawnSync(process.execPath, ["node_modules/prisma/build/index.js", "generate", "--no-hints"], {
  stdio: ["ignore", "ignore", "inherit"],
  env: {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
    CHECKPOINT_DISABLE: "1", // no question about newer versions
  },
});
process.exit(status ?? 1);
