/**
 * Static checks, as CI runs them: types, linter and formatter. Writes nothing.
 */
import { spawnSync } from "node:child_process";

const checks: readonly [string, string[]][] = [
  ["node_modules/.bin/tsc", ["-p", "tsconfig.json"]],
  ["node_modules/.bin/biome", ["ci", "--error-on-warnings", "--colors=off", "."]],
];

let failed = false;
for (const [command, args] of checks) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) failed = true;
}
process.exit(failed ? 1 : 0);
