/**
 * Where a model comes from, which bytes it must be, and who must have signed it.
 *
 * It is a part of the model revision: a field added here must be optional and without a default, or every stored
 * revision would get another name. How it is fetched is `spec.fetch`, and changes no revision.
 */
import Type from "typebox";
import { keyReferenceSchema } from "./key-reference.ts";
import { type CelRule, matching, stringEnum } from "./schema.ts";

/** Formats of archives that are unpacked. */
export const ARCHIVE_FORMATS = ["Tar", "TarGzip", "Zip"] as const;
/** A format of an archive. */
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number];

/** Formats of signatures that are verified. */
export const SIGNATURE_TYPES = ["DetachedSignature", "ModelSigning"] as const;
/** A format of a signature. */
export type SignatureType = (typeof SIGNATURE_TYPES)[number];

const FILE_OR_STORE = [
  "file:///",
  "https?://[^/?#]+/",
  "s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/",
  "pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/",
];
const PINNED_IMAGE =
  "oci://[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[a-zA-Z0-9_][a-zA-Z0-9_.-]*)?@sha256:[0-9a-f]{64}";

const verifySchema = Type.Object(
  {
    type: stringEnum(SIGNATURE_TYPES, {
      description:
        "`DetachedSignature`: a signature of the file, of the archive, or of the directory's manifest, binary (`openssl dgst -sha256 -sign`) or in base64 (`cosign sign-blob`). `ModelSigning`: a bundle of OpenSSF Model Signing, made with a key (`model_signing sign key`), that lists every file.",
    }),
    publicKey: keyReferenceSchema(
      "The public key in PEM form, EC or RSA. Several in one text are each enough, so that a key can be replaced.",
    ),
    signature: Type.Optional(
      Type.String({
        maxLength: 2048,
        ...matching(
          `^(${FILE_OR_STORE.join("|")})[^\\s]+$`,
          "must be https://HOST/PATH, http://HOST/PATH, s3://BUCKET/KEY, pvc://CLAIM/PATH or file:///PATH, without spaces",
        ),
        description:
          "URI of the signature, of any scheme but `oci`. Unless stated: `model.sig` in a model that is a directory or an image; otherwise the URI of the model with `.sig` appended.",
      }),
    ),
  },
  {
    description:
      "A signature that must verify before any server sees the model. A model that does not verify is never served.",
  },
);

/** JSON Schema of a URI that `petrel fetch` reads. */
export function sourceUriSchema(description: string) {
  return Type.String({
    minLength: 9,
    maxLength: 2048,
    ...matching(
      `^((${FILE_OR_STORE.join("|")})[^\\s]+|${PINNED_IMAGE})$`,
      "must be https://HOST/PATH, http://HOST/PATH, s3://BUCKET/KEY, pvc://CLAIM/PATH, file:///PATH or oci://REGISTRY/REPOSITORY@sha256:HEX, without spaces",
    ),
    description,
  });
}

/** JSON Schema of the digest of what lies there. */
export function sourceDigestSchema(description: string) {
  const pattern = matching(
    "^sha256:[0-9a-f]{64}$",
    "must be sha256: and 64 lower-case hexadecimal digits, as `petrel digest PATH` prints them",
  );
  return Type.String({ maxLength: 71, ...pattern, description });
}

/** JSON Schema of a model source. */
export const modelSourceSchema = Type.Object(
  {
    uri: sourceUriSchema(
      "Where the model is: `https://HOST/PATH` or `http://HOST/PATH` of a file; `s3://BUCKET/KEY` of an object, or of a directory of objects; `pvc://CLAIM/PATH` of a file or directory on a PersistentVolumeClaim; `oci://REGISTRY/REPOSITORY@sha256:HEX` of an image with the model in its root (Kubernetes 1.35 and later); `file:///PATH` inside the Petrel image. What is special in a URI is percent-encoded.",
    ),
    digest: Type.Optional(
      sourceDigestSchema(
        "SHA-256 of the file or archive, or of a directory's manifest, which `petrel digest PATH` prints: the lines of `sha256sum` for all files, ordered by path. A model with another digest is never served. Required for every scheme but `oci`.",
      ),
    ),
    archive: Type.Optional(
      stringEnum(ARCHIVE_FORMATS, {
        description:
          "The file is an archive of this format, and the model what it holds. Only regular files and folders are unpacked; an archive with anything else is refused.",
      }),
    ),
    verify: Type.Optional(verifySchema),
  },
  { description: "Where a model comes from, which bytes it must be, and who must have signed it." },
);

/** Rules over the models of a spec. */
export const modelSourceRules: readonly CelRule[] = [
  {
    rule: "has(self.model.digest) || self.model.uri.startsWith('oci://')",
    message:
      "spec.model.digest: what this URI names can change; state the digest of the model (petrel digest PATH prints it)",
  },
  {
    rule: "!has(self.model.archive) || !self.model.uri.startsWith('oci://')",
    message: "spec.model.archive: an image holds the model as files; remove archive",
  },
  {
    rule: "self.pools.all(p, !has(p.model) || has(p.model.digest) || p.model.uri.startsWith('oci://'))",
    message:
      "spec.pools[].model.digest: what this URI names can change; state the digest of the model (petrel digest PATH prints it)",
  },
  {
    rule: "self.pools.all(p, !has(p.model) || !has(p.model.archive) || !p.model.uri.startsWith('oci://'))",
    message: "spec.pools[].model.archive: an image holds the model as files; remove archive",
  },
];

/** Where a model comes from. */
export type ModelSource = Type.Static<typeof modelSourceSchema>;
