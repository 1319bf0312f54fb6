/**
 * A signature bundle of OpenSSF Model Signing, made with a key: a Sigstore bundle with a DSSE envelope around an
 * in-toto statement, which lists the digest of every file (github.com/sigstore/model-transparency, version 1.0).
 *
 * Stricter than its own verifier: a file that is not listed fails, also one that the statement asks to ignore,
 * because the server would see it. Only Node's own cryptography: without a transparency log or certificates
 * there is nothing in Sigstore's libraries to use.
 */
import { createHash, type KeyObject, verify } from "node:crypto";
import { asList, asString, parseJson, valueAt } from "../api/json.ts";
import { FetchFailure } from "./failure.ts";
import type { ManifestEntry } from "./model-manifest.ts";
import { hashOfCurve } from "./public-keys.ts";

/** Longest bundle: 10,000 files of a long name each. */
export const MAX_BUNDLE_BYTES = 16 << 20;

const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://model_signing/signature/v1.0";

/** The path of a model that is one file, in its statement. */
const SINGLE_FILE = ".";

/** A model as a statement speaks of it. */
export type SignedModel =
  | { readonly type: "File"; readonly digest: string }
  | { readonly type: "Directory"; readonly files: readonly ManifestEntry[] };

/**
 * Verifies that a bundle is signed by one of the keys, and that it lists exactly the files of the model.
 *
 * @throws FetchFailure (`Signature`) when it is not so.
 */
export function verifyModelSigning(bundle: string, keys: readonly KeyObject[], model: SignedModel): void {
  const payload = verifiedPayload(parseJson(bundle), keys);
  const listed = listedFiles(parseJson(payload.toString("utf8")));
  const actual: readonly ManifestEntry[] =
    model.type === "File" ? [{ path: SINGLE_FILE, digest: `sha256:${model.digest.slice(7)}` }] : model.files;
  for (const { path, digest } of actual) {
    const signed = listed.get(path);
    const shown = JSON.stringify(path);
    if (signed === undefined) throw refused(`a signature over every file`, `no signature over ${shown}`);
    if (`sha256:${signed}` !== digest) throw refused(`${shown} with sha256:${signed}`, digest);
    listed.delete(path);
  }
  const [missing] = listed.keys();
  if (missing !== undefined) throw refused(`every signed file`, `no file ${JSON.stringify(missing)}`);
}

function verifiedPayload(bundle: unknown, keys: readonly KeyObject[]): Buffer {
  const mediaType = asString(valueAt(bundle, "mediaType"));
  if (mediaType !== BUNDLE_TYPE) throw refused(BUNDLE_TYPE, mediaType ?? "no Sigstore bundle");
  const envelope = valueAt(bundle, "dsseEnvelope");
  const payloadType = asString(valueAt(envelope, "payloadType"));
  if (payloadType !== PAYLOAD_TYPE) throw refused(PAYLOAD_TYPE, payloadType ?? "no DSSE envelope");
  const payload = Buffer.from(asString(valueAt(envelope, "payload")) ?? "", "base64");
  // The pre-authentication encoding of DSSE: the type is signed too.
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `),
    payload,
  ]);
  const signatures = asList(valueAt(envelope, "signatures")).slice(0, 16);
  const isSigned = signatures.some((entry) => {
    const signature = Buffer.from(asString(valueAt(entry, "sig")) ?? "", "base64");
    return keys.some((key) => verify(hashOfCurve(key), signed, key, signature));
  });
  if (!isSigned)
    throw refused("a signature of the public key", "a signature by another key or over other bytes");
  return payload;
}

function listedFiles(statement: unknown): Map<string, string> {
  const type = asString(valueAt(statement, "_type"));
  if (type !== STATEMENT_TYPE) throw refused(STATEMENT_TYPE, type ?? "no in-toto statement");
  const predicateType = asString(valueAt(statement, "predicateType"));
  if (predicateType !== PREDICATE_TYPE) throw refused(PREDICATE_TYPE, predicateType ?? "no predicate");
  const method = asString(valueAt(statement, "predicate", "serialization", "method"));
  if (method !== "files") throw refused("a digest for each file (method files)", `method ${method}`);

  const listed = new Map<string, string>();
  const root = createHash("sha256");
  for (const resource of asList(valueAt(statement, "predicate", "resources"))) {
    const [name, algorithm, digest] = ["name", "algorithm", "digest"].map((field) =>
      asString(valueAt(resource, field)),
    );
    if (algorithm !== "sha256") throw refused("digests by sha256", `${algorithm}`);
    if (name === undefined || digest === undefined || !/^[0-9a-f]{64}$/.test(digest) || listed.has(name)) {
      throw refused("one name and digest for each file", "an entry without them, or a second one of a name");
    }
    listed.set(name, digest);
    root.update(Buffer.from(digest, "hex"));
  }
  const [subject, ...others] = asList(valueAt(statement, "subject"));
  const rootDigest = asString(valueAt(subject, "digest", "sha256"));
  if (others.length > 0 || rootDigest !== root.digest("hex")) {
    throw refused("one subject with the digest of all digests", "another one");
  }
  return listed;
}

function refused(expected: string, found: string): FetchFailure {
  const message = `the model's signature bundle does not verify: expected ${expected}, found ${found}`;
  return new FetchFailure({ check: "Signature", message, expected, found, terminal: true });
}
