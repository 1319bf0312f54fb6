/**
 * A program of a Debian package that is unpacked and not installed: nothing of this machine is changed, no service is
 * started, and root is not needed. For programs that need no other file of their package.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cached } from "../cache.ts";
import { callersEnvironment, runOrFail } from "../command.ts";
import type { Progress } from "../contract.ts";

const downloadTimeoutMilliseconds = 10 * 60_000;

/** The folder of what is in a package, as it would lie below `/`. Throws, naming it, where apt is missing. */
export function unpackedPackage(name: string, progress: Progress = () => {}): Promise<string> {
  return cached("debian", name, async (folder) => {
    if (!existsSync("/usr/bin/apt-get")) {
      throw new Error(`this is no Debian or Ubuntu: the package ${name} cannot be had`);
    }
    progress(`fetching the Debian package ${name}`);
    const options = {
      wholeEnvironment: callersEnvironment({ DEBIAN_FRONTEND: "noninteractive" }),
      timeoutMilliseconds: downloadTimeoutMilliseconds,
      workingFolder: folder,
    };
    const download = ["download", "-qq", "-o", "APT::Sandbox::User=root", name];
    // Lists that are there may be good enough; to bring them up to date takes root.
    await runOrFail("apt-get", download, options).catch(async () => {
      await runOrFail("apt-get", ["update", "-qq"], options);
      await runOrFail("apt-get", download, options);
    });
    const archive = readdirSync(folder).find((file) => file.endsWith(".deb"));
    if (archive === undefined) throw new Error(`apt-get downloaded ${name}, but there is no file of it`);
    await runOrFail("dpkg-deb", ["-x", archive, folder], options);
    await runOrFail("rm", [join(folder, archive)], options);
  });
}
