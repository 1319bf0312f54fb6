/**
 * `npm run build:cli`: makes `dist/kubectl-petrel`, the plugin of kubectl, as one file that needs no Node: the pinned
 * Node with the bundled program inside (a single executable application). For Linux on the processor of this machine.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";

/** By this Node finds that it has a program inside. */
const SENTINEL = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

const root = join(import.meta.dirname, "..");
const target = resolve(process.argv[2] ?? join(root, "dist/kubectl-petrel"));
const folder = mkdtempSync(join(tmpdir(), "petrel-cli-"));

interface Postject {
  inject(file: string, name: string, data: Buffer, options: { readonly sentinelFuse: string }): Promise<void>;
}

try {
  const main = join(folder, "kubectl-petrel.cjs");
  const blob = join(folder, "kubectl-petrel.blob");
  const configuration = join(folder, "sea.json");
  await build({
    entryPoints: [join(root, "src/kubectl-petrel.ts")],
    outfile: main,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    minifySyntax: true,
    logLevel: "warning",
  });
  writeFileSync(
    configuration,
    JSON.stringify({ main, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true }),
  );
  const made = spawnSync(process.execPath, ["--experimental-sea-config", configuration], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (made.status !== 0) throw new Error("Node cannot prepare the program");
  const program = join(folder, "kubectl-petrel");
  copyFileSync(process.execPath, program);
  chmodSync(program, 0o755);
  const postject: Postject = createRequire(import.meta.url)("postject");
  await postject.inject(program, "NODE_SEA_BLOB", readFileSync(blob), { sentinelFuse: SENTINEL });
  mkdirSync(join(target, ".."), { recursive: true });
  copyFileSync(program, target);
  chmodSync(target, 0o755);
  console.log(target);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
