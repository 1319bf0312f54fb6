/**
 * Writes an image of one layer as an OCI archive (OCI Image Layout 1.0 in a tar file) from files of this machine.
 *
 * For images that only put programs in place, that is all a builder would do. The same files give the same
 * bytes: order, times and owners are fixed.
 */
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runOrFail } from "./command.ts";

/** One file, folder or made-up text in an image. */
export type ImageEntry = { readonly path: string; readonly mode?: number } & (
  | { /** Copied from here; links are followed. A folder with all that is in it. */ readonly from: string }
  | { readonly text: string }
  | { readonly kind: "Folder" }
  | { readonly linkTo: string }
);

/** What an image is. */
export interface ImageDescription {
  /** With its tag: `localhost/petrel-pause:1`. */
  readonly name: string;
  readonly entries: readonly ImageEntry[];
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Writes the archive. */
export async function writeImageArchive(description: ImageDescription, archive: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "petrel-image-"));
  try {
    const root = join(scratch, "root");
    mkdirSync(root, { mode: 0o755 });
    for (const entry of description.entries) await placeEntry(root, entry);
    const layout = join(scratch, "layout");
    mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
    const layer = join(scratch, "layer.tar");
    await packFolder(root, layer);
    writeLayout(layout, description, readFileSync(layer));
    await packFolder(layout, archive);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function placeEntry(root: string, entry: ImageEntry): Promise<void> {
  const target = join(root, entry.path);
  mkdirSync(dirname(target), { recursive: true });
  if ("from" in entry) cpSync(entry.from, target, { recursive: true, dereference: true });
  else if ("text" in entry) writeFileSync(target, entry.text);
  else if ("linkTo" in entry) await runOrFail("ln", ["-s", entry.linkTo, target]);
  else mkdirSync(target, { recursive: true });
  if (entry.mode !== undefined) chmodSync(target, entry.mode);
}

/** Packs a folder into a tar file, the same bytes each time. */
export async function packFolder(folder: string, archive: string): Promise<void> {
  const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  await runOrFail("tar", [...fixed, "-C", folder, "-cf", archive, "."], { timeoutMilliseconds: 300_000 });
}

/** The JSON documents of an image, each as it is stored: pure. */
export function imageDocuments(
  description: ImageDescription,
  layer: { digest: string; size: number },
  architecture: string,
): { config: string; manifest: string; index: string } {
  const config = JSON.stringify({
    architecture,
    os: "linux",
    config: {
      ...(description.user === undefined ? {} : { User: description.user }),
      ...(description.entrypoint === undefined ? {} : { Entrypoint: description.entrypoint }),
      Env: Object.entries({
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ...description.environment,
      }).map(([name, value]) => `${name}=${value}`),
      WorkingDir: "/",
    },
    // The layer is stored as it is, so its digest is also that of its content.
    rootfs: { type: "layers", diff_ids: [layer.digest] },
    history: [{ created: "1970-01-01T00:00:00Z", created_by: "petrel" }],
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: digestOf(config),
      size: Buffer.byteLength(config),
    },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
  });
  const index = JSON.stringify({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: digestOf(manifest),
        size: Buffer.byteLength(manifest),
        annotations: {
          "io.containerd.image.name": description.name,
          "org.opencontainers.image.ref.name": description.name,
        },
        platform: { architecture, os: "linux" },
      },
    ],
  });
  return { config, manifest, index };
}

function writeLayout(folder: string, description: ImageDescription, layer: Buffer): void {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const digest = digestOf(layer);
  const { config, manifest, index } = imageDocuments(
    description,
    { digest, size: layer.length },
    architecture,
  );
  for (const blob of [layer, config, manifest]) {
    writeFileSync(join(folder, "blobs", digestOf(blob).replace(":", "/")), blob);
  }
  writeFileSync(join(folder, "index.json"), index);
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** `sha256:HEX` of a text or of bytes. */
export function digestOf(content: string | Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
