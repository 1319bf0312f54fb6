/**
 * Packages of Python that tests run: each set is installed once, into the cache, at the exact versions of a file in
 * `toolchain/python`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cached, hashOf } from "./cache.ts";
import { callersEnvironment, runOrFail } from "./command.ts";

const installTimeoutMilliseconds = 10 * 60_000;

/** A set of packages. */
export type PythonPackages = "duckdb" | "model-signing" | "triton-server" | "tritonclient";

/** The folder with a set of packages, for `PYTHONPATH`. Rejects with pip's words when they cannot be installed. */
export async function pythonPackages(name: PythonPackages): Promise<string> {
  const requirements = join(import.meta.dirname, `toolchain/python/${name}.txt`);
  return await cached("tools", `${name}-${hashOf([readFileSync(requirements)])}`, async (folder) => {
    const install = [
      "install",
      "--quiet",
      "--no-deps",
      `--target=${folder}`,
      `--requirement=${requirements}`,
    ];
    await runOrFail("python3", ["-m", "pip", ...install], {
      wholeEnvironment: callersEnvironment(),
      timeoutMilliseconds: installTimeoutMilliseconds,
    });
  });
}
