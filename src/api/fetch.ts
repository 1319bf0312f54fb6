/**
 * How models are fetched: time, size, and the way to the stores. It shapes pods and changes no prediction, so it is
 * no part of the model revision.
 *
 * Secrets stand here by name only. They are mounted into the init container that fetches, and nobody else sees
 * them, the operator least of all.
 */
import Type from "typebox";
import { keyReferenceSchema } from "./key-reference.ts";
import { type CelRule, durationSchema, objectNameSchema } from "./schema.ts";

/** A URL of a server, without a path and without user information: secrets have no place in a spec. */
function serverUrlSchema(description: string) {
  return Type.String({ maxLength: 512, pattern: "^https?://[^/?#@\\s]+/?$", description });
}

function sizeSchema(description: string) {
  return Type.String({ maxLength: 32, pattern: "^[1-9][0-9]*(k|M|G|T|Ki|Mi|Gi|Ti)?$", description });
}

const proxySchema = Type.Object(
  {
    url: serverUrlSchema("The proxy: `http://HOST:PORT`."),
    exceptions: Type.Optional(
      Type.Array(
        Type.String({
          minLength: 1,
          maxLength: 253,
          pattern: "^[^,\\s]+$",
          description:
            "A host or a domain, either with all that is below it: `example.com` is also `a.example.com`, `.svc` the same as `svc`. Or an address, or a network such as `10.0.0.0/8`. All but a network may have a port.",
        }),
        {
          maxItems: 64,
          "x-kubernetes-list-type": "atomic",
          description:
            "What is reached without the proxy, as in `NO_PROXY`: hosts or domains, each with all that is below it, addresses, networks such as `10.0.0.0/8`, or `*`. One that cannot be read ends the fetch.",
        },
      ),
    ),
  },
  { description: "A proxy for `http`, `https` and `s3`. The node itself pulls the images of `oci`." },
);

const webIdentitySchema = Type.Object(
  {
    audience: Type.String({
      minLength: 1,
      maxLength: 512,
      description: "Audience of the token, as the token service expects it: `sts.amazonaws.com`.",
    }),
    roleArn: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: "Role to take. Not for stores that know the role from the token.",
      }),
    ),
    tokenService: Type.Optional(
      serverUrlSchema("The token service. Amazon's of the region unless stated; MinIO is its own."),
    ),
  },
  {
    description:
      "The pod's own identity, as a token of its ServiceAccount, is exchanged for temporary keys (`AssumeRoleWithWebIdentity`).",
  },
);

const s3Schema = Type.Object(
  {
    endpoint: Type.Optional(
      serverUrlSchema("A store other than Amazon's: `https://HOST:PORT`. Its buckets are in the path."),
    ),
    region: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        pattern: "^[a-z0-9-]+$",
        description: "Region of the bucket; `us-east-1` unless stated.",
      }),
    ),
    credentialsSecret: Type.Optional(
      objectNameSchema(
        "Secret with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` for temporary ones. Without this and `webIdentity`, what a workload identity webhook puts into the pod is used (`AWS_ROLE_ARN`, `AWS_WEB_IDENTITY_TOKEN_FILE`), or else no keys, as for public buckets.",
      ),
    ),
    webIdentity: Type.Optional(webIdentitySchema),
  },
  { description: "The S3 store." },
);

/** JSON Schema of how models are fetched. */
export const fetchSchema = Type.Object(
  {
    timeout: Type.Optional(
      durationSchema({ description: "Longest time for a whole fetch, from 1s to 24h; 30m unless stated." }),
    ),
    maxSize: Type.Optional(
      sizeSchema("Largest model, packed and unpacked, in bytes: `500Mi`, `20Gi`. 10Gi unless stated."),
    ),
    ephemeralStorage: Type.Optional(
      sizeSchema(
        "What the scheduler reserves of the node's disk for the model: its size, and for an archive the size of both forms. Nothing unless stated.",
      ),
    ),
    certificateAuthority: Type.Optional(
      keyReferenceSchema(
        "Certificate authorities in PEM form that `https` and `s3` servers, and a proxy reached over `https`, are trusted by, besides the well-known ones.",
      ),
    ),
    proxy: Type.Optional(proxySchema),
    authorization: Type.Optional(
      keyReferenceSchema(
        "Value of the header `Authorization` (`Bearer ...`) for `http` and `https`. It is sent to the server of the model's URI and to no other.",
      ),
    ),
    s3: Type.Optional(s3Schema),
    cache: Type.Optional(
      Type.Object(
        {
          claimName: objectNameSchema(
            "A PersistentVolumeClaim that the model pods can write, on all their nodes.",
          ),
        },
        {
          description:
            "A cache for `http`, `https` and `s3`, by digest and verified at each use, that all pods of all deployments may share. Nothing is ever evicted: delete what is old, at any time.",
        },
      ),
    ),
  },
  { description: "How models are fetched. A change replaces pods and makes no new revision." },
);

/** Rules over how models are fetched. */
export const fetchRules: readonly CelRule[] = [
  {
    rule: "!has(self.fetch) || !has(self.fetch.timeout) || (duration(self.fetch.timeout) >= duration('1s') && duration(self.fetch.timeout) <= duration('24h'))",
    message: "spec.fetch.timeout: must be from 1s to 24h",
  },
  {
    rule: "!has(self.fetch) || !has(self.fetch.s3) || !has(self.fetch.s3.credentialsSecret) || !has(self.fetch.s3.webIdentity)",
    message: "spec.fetch.s3: credentialsSecret and webIdentity exclude each other; remove one of them",
  },
];

/** How models are fetched. */
export type FetchSpec = Type.Static<typeof fetchSchema>;
