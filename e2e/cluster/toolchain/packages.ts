/**
 * The programs that come from the machine's own distribution: found, or installed with apt.
 *
 * Installs only what is missing and never changes what is there. Without root or apt it says what to install.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { callersEnvironment, plainEnvironment, runOrFail } from "../command.ts";
import type { Progress } from "../contract.ts";

const installTimeoutMilliseconds = 10 * 60_000;

/** Folder of the CNI plugins of Debian's package. */
export const cniPluginFolder = "/usr/lib/cni";

/** What shows that a Debian package is there: a program on the PATH, or a file by its absolute path. */
export const clusterPackages: Readonly<Record<string, string>> = {
  "containernetworking-plugins": `${cniPluginFolder}/ptp`,
  conntrack: "conntrack",
  iproute2: "ip",
  nftables: "nft",
  openssl: "openssl",
  runc: "runc",
  "util-linux": "nsenter",
};

/** What building images needs besides. */
export const imagePackages: Readonly<Record<string, string>> = { buildah: "buildah", tar: "tar" };

/** What a registry of images needs. */
export const registryPackages: Readonly<Record<string, string>> = { "docker-registry": "docker-registry" };

/** The packages of a table of which the sign is not found. */
export function missingPackages(packages: Readonly<Record<string, string>>): string[] {
  const folders = (plainEnvironment()["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const isThere = (sign: string) =>
    sign.startsWith("/") ? existsSync(sign) : folders.some((folder) => existsSync(join(folder, sign)));
  return Object.entries(packages)
    .filter(([, sign]) => !isThere(sign))
    .map(([name]) => name);
}

/** Installs what is missing of the packages. Throws, naming them, where it may or can not. */
export async function installPackages(
  packages: Readonly<Record<string, string>>,
  progress: Progress,
): Promise<void> {
  const missing = missingPackages(packages);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (!existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `these programs are missing, and this is no Debian or Ubuntu: install what holds ${list}`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`these packages are missing: run as root, or run: sudo apt-get install ${list}`);
  }
  progress(`installing ${list}`);
  const options = {
    wholeEnvironment: callersEnvironment({ DEBIAN_FRONTEND: "noninteractive" }),
    timeoutMilliseconds: installTimeoutMilliseconds,
  };
  await runOrFail("apt-get", ["update", "-qq"], options);
  await runOrFail("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], options);
  const still = missingPackages(packages);
  if (still.length > 0)
    throw new Error(`apt-get installed ${list}, but not found is what ${still.join(", ")} should hold`);
}
