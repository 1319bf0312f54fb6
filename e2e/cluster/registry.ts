/**
 * A real image registry (Debian's docker-registry) for tests, over plain HTTP at an address that the nodes know as
 * such, and what it takes to put files into it as an image.
 */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Progress } from "./contract.ts";
import { digestOf, imageDocuments, packFolder } from "./oci-archive.ts";
import { untilReady } from "./processes.ts";
import { installPackages, registryPackages } from "./toolchain/packages.ts";

/** Port of a cluster's registry on the address of its control plane: its nodes pull from there without TLS. */
export const REGISTRY_PORT = 5000;

/** Where a registry is started. */
export interface RegistryOptions {
  readonly folder: string;
  readonly address: string;
  /** Starts the command where `address` is. */
  readonly spawn: (command: readonly string[]) => ChildProcess;
  readonly progress?: Progress;
}

/** A running registry. */
export interface Registry {
  /** `ADDRESS:PORT`, as in the name of an image. */
  readonly host: string;
  /** Makes an image of one layer with these files, and gives its reference, pinned by digest. */
  push(repository: string, files: Readonly<Record<string, Uint8Array>>): Promise<string>;
  /** SIGKILL. */
  stop(): void;
}

/** Starts a registry; resolves when it answers. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { address, folder, progress = () => {} } = options;
  await installPackages(registryPackages, progress);
  const host = `${address}:${REGISTRY_PORT}`;
  const configuration = join(folder, "registry.json");
  writeFileSync(
    configuration,
    // YAML, of which JSON is a part.
    JSON.stringify({
      version: 0.1,
      log: { level: "warn" },
      storage: { filesystem: { rootdirectory: join(folder, "registry") } },
      http: { addr: host },
    }),
  );
  const child = options.spawn(["docker-registry", "serve", configuration]);
  const url = `http://${host}/v2/`;
  await untilReady(
    "registry",
    () =>
      fetch(url).then(
        (answer) => answer.ok,
        () => false,
      ),
    {
      timeoutMilliseconds: 60_000,
      child,
    },
  );
  return {
    host,
    push: (repository, files) => pushImage(`${url}${repository}`, `${host}/${repository}`, files),
    stop: () => void child.kill("SIGKILL"),
  };
}

async function pushImage(
  url: string,
  name: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), "petrel-registry-"));
  try {
    const root = join(scratch, "root");
    mkdirSync(root, { mode: 0o755 });
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o755 });
      writeFileSync(join(root, path), bytes, { mode: 0o644 });
    }
    const archive = join(scratch, "layer.tar");
    await packFolder(root, archive);
    const layer = readFileSync(archive);
    const architecture = process.arch === "x64" ? "amd64" : process.arch;
    const size = layer.length;
    const documents = imageDocuments({ name, entries: [] }, { digest: digestOf(layer), size }, architecture);
    for (const blob of [layer, Buffer.from(documents.config)]) await pushBlob(url, blob);
    await expectCreated(
      await fetch(`${url}/manifests/test`, {
        method: "PUT",
        headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
        body: documents.manifest,
      }),
    );
    return `${name}@${digestOf(documents.manifest)}`;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function pushBlob(url: string, blob: Buffer): Promise<void> {
  const begun = await fetch(`${url}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location") ?? "", url);
  place.searchParams.set("digest", digestOf(blob));
  await expectCreated(await fetch(place, { method: "PUT", body: new Uint8Array(blob) }));
}

async function expectCreated(answer: Response): Promise<void> {
  if (answer.status !== 201) throw new Error(`${answer.url}: HTTP ${answer.status} ${await answer.text()}`);
}
