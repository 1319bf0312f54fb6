/**
 * A volume and a fetch onto it, for tests of whole fetches. Never part of a program.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { createLogger } from "../../core/log.ts";
import { sourceSettings } from "../../sources/testdata/settings.ts";
import type { FetchFailure } from "../failure.ts";
import { type FetchEnvironment, type FetchRequest, type FetchResult, fetchModel } from "../fetch-model.ts";

/** `sha256:HEX` of bytes. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The digest of a directory with these files, computed apart from the code under test. */
export function directoryDigest(files: Readonly<Record<string, string | Uint8Array>>): string {
  return digestOf(manifestOf(files));
}

/** The manifest of a directory with these files, whose names order the same by characters and by bytes. */
export function manifestOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const lines = Object.entries(files).map(([path, text]) => [path, digestOf(text).slice(7)] as const);
  return lines
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, hex]) => `${hex}  ${path}\n`)
    .join("");
}

/** A key pair and what it signs. */
export interface Signer {
  readonly publicPem: string;
  sign(bytes: Uint8Array | string): Buffer;
}

/** A new EC key, which signs as openssl and cosign do. */
export function newSigner(namedCurve = "prime256v1", hash = "sha256"): Signer {
  const pair: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync("ec", { namedCurve });
  return {
    publicPem: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (bytes) => sign(hash, Buffer.from(bytes), pair.privateKey),
  };
}

/** A folder with a volume to fetch onto. */
export class FetchFixture implements AsyncDisposable {
  readonly folder: string;
  readonly logLines: string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<FetchFixture> {
    const fixture = new FetchFixture(await mkdtemp(join(tmpdir(), "petrel-fetch-")));
    await mkdir(fixture.volume);
    await mkdir(fixture.claimsFolder);
    await symlink(fixture.folder, join(fixture.claimsFolder, "models"));
    return fixture;
  }

  get volume(): string {
    return join(this.folder, "volume");
  }

  /** Holds the claim `models`, which is the whole folder. */
  get claimsFolder(): string {
    return join(this.folder, "claims");
  }

  get target(): string {
    return join(this.volume, "model");
  }

  /** Writes a file below the folder, and the folders above it. Gives its path. */
  async write(path: string, text: string | Uint8Array): Promise<string> {
    const absolute = join(this.folder, path);
    await mkdir(dirname(absolute), { recursive: true });
    await writeFile(absolute, text);
    return absolute;
  }

  /** Writes files into a folder below the folder. Gives its path. */
  async writeAll(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
    for (const [path, text] of Object.entries(files)) await this.write(join(folder, path), text);
    return join(this.folder, folder);
  }

  /** Fetches onto the volume. */
  fetch(
    request: Partial<FetchRequest> & Pick<FetchRequest, "uri" | "digest">,
    environment: Partial<FetchEnvironment> = {},
  ): Promise<FetchResult> {
    return fetchModel(
      { target: this.target, maxBytes: 1 << 30, timeoutMilliseconds: 60_000, ...request },
      {
        clock: systemClock,
        random: () => 0,
        logger: createLogger({ write: (line) => this.logLines.push(line), now: systemClock.now }),
        signal: new AbortController().signal,
        settings: sourceSettings({ claimsFolder: this.claimsFolder }),
        patience: { openMilliseconds: 30_000, idleMilliseconds: 30_000 },
        ...environment,
      },
    );
  }

  /** Fetches what must fail a check, and leave nothing that a server could see. */
  async failure(
    request: Partial<FetchRequest> & Pick<FetchRequest, "uri" | "digest">,
    environment: Partial<FetchEnvironment> = {},
  ): Promise<FetchFailure> {
    const failure = await this.fetch(request, environment).then(
      () => {
        throw new Error("it succeeded");
      },
      (error: FetchFailure) => error,
    );
    if (failure.name !== "FetchFailure") throw failure;
    const left = await readdir(this.volume);
    if (left.length > 0) throw new Error(`it left ${left.join(", ")}; ${failure.message}`);
    return failure;
  }

  /** All files below a folder, by path. */
  async files(folder = this.target): Promise<Readonly<Record<string, string>>> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const read = files.map(
      async (path) => [path.slice(folder.length + 1), await readFile(path, "latin1")] as const,
    );
    return Object.fromEntries(await Promise.all(read));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
