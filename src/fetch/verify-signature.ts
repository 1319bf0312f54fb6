/**
 * The check of a model's signature: finds the signature, brings it, and holds it against what was brought.
 *
 * The signature is no part of what it signs: where it lies in the model's own directory, it alone may be unsigned.
 */
import type { KeyObject } from "node:crypto";
import { createReadStream } from "node:fs";
import type { SignatureType } from "../api/model-source.ts";
import type { ModelSource } from "../sources/model-source.ts";
import { type ModelUri, parseModelUri } from "../sources/model-uri.ts";
import type { Bringing, BroughtModel } from "./bring-model.ts";
import { MAX_SIGNATURE_BYTES, verifyDetachedSignature } from "./detached-signature.ts";
import { download } from "./download.ts";
import { type ManifestEntry, manifestText } from "./model-manifest.ts";
import { MAX_BUNDLE_BYTES, verifyModelSigning } from "./model-signing.ts";
import { parsePublicKeys } from "./public-keys.ts";
import { readSetting } from "./source-options.ts";
import { MemorySink } from "./staged-file.ts";

/** Name of the signature in a model that is a directory, unless its URI is given. */
export const SIGNATURE_FILE = "model.sig";
/** What is appended to the URI of a model that is a file, unless the signature's is given. */
export const SIGNATURE_SUFFIX = ".sig";

/** The signature that is asked for. */
export interface Verification {
  readonly type: SignatureType;
  readonly publicKeyFile: string;
  /** URI of the signature; undefined for the usual place. */
  readonly signatureUri: string | undefined;
}

/**
 * Reads the public keys.
 *
 * @throws FetchFailure (`Settings`) when there are none, or one cannot be used.
 */
export async function readKeys({ publicKeyFile }: Verification): Promise<readonly KeyObject[]> {
  return parsePublicKeys(await readSetting(publicKeyFile));
}

/** A signature that was brought. */
export interface Signature {
  readonly bytes: Buffer;
  /** Its path in the model's own directory; undefined when it lies elsewhere. */
  readonly path: string | undefined;
}

/** Where the signature of a model is. */
export function signatureUriOf(
  model: ModelUri,
  type: BroughtModel["type"],
  given: string | undefined,
): ModelUri {
  if (given !== undefined) return parseModelUri(given);
  const url = new URL(model.url);
  url.pathname =
    type === "File"
      ? `${url.pathname}${SIGNATURE_SUFFIX}`
      : `${url.pathname.replace(/\/+$/, "")}/${SIGNATURE_FILE}`;
  return parseModelUri(url.href);
}

/**
 * Brings the signature.
 *
 * @throws SourceError when there is none; FetchFailure (`Size`) when it is too large to be one.
 */
export async function bringSignature(
  verification: Verification,
  model: ModelUri,
  type: BroughtModel["type"],
  sourceOf: (uri: ModelUri) => ModelSource,
  bringing: Bringing,
): Promise<Signature> {
  const uri = signatureUriOf(model, type, verification.signatureUri);
  const sink = new MemorySink();
  await download({
    ...bringing,
    source: sourceOf(uri),
    url: uri.url,
    shown: uri.display,
    sink,
    maxBytes: verification.type === "ModelSigning" ? MAX_BUNDLE_BYTES : MAX_SIGNATURE_BYTES,
    onProgress: () => {},
  });
  const root = `${model.url.href.replace(/\/+$/, "")}/`;
  const isInside = type === "Directory" && uri.url.href.startsWith(root);
  return {
    bytes: sink.bytes(),
    path: isInside ? decodeURIComponent(uri.url.href.slice(root.length)) : undefined,
  };
}

/**
 * Verifies a detached signature of a model's bytes as they came from the source.
 *
 * @throws FetchFailure (`Signature`) when it does not verify.
 */
export async function verifyBytes(
  keys: readonly KeyObject[],
  signature: Signature,
  model: BroughtModel,
): Promise<void> {
  const signed =
    model.type === "File"
      ? () => createReadStream(model.path, { highWaterMark: 1 << 20 })
      : () => [Buffer.from(manifestText(without(model.files, signature)))];
  const what = model.type === "File" ? "the model's file" : "the model's manifest";
  await verifyDetachedSignature(signature.bytes, keys, signed, what);
}

/**
 * Verifies a bundle against the files that a server will see.
 *
 * @throws FetchFailure (`Signature`) when it does not verify.
 */
export function verifyFiles(
  keys: readonly KeyObject[],
  signature: Signature,
  model: Pick<BroughtModel & { type: "File" }, "type" | "digest"> | readonly ManifestEntry[],
): void {
  verifyModelSigning(
    signature.bytes.toString("utf8"),
    keys,
    "type" in model ? model : { type: "Directory", files: without(model, signature) },
  );
}

function without(files: readonly ManifestEntry[], signature: Signature): readonly ManifestEntry[] {
  return files.filter(({ path }) => path !== signature.path);
}
