/**
 * Who may call a model: what the door of a ModelDeployment asks of its clients.
 *
 * It stands in the spec and, as it is, in the traffic plan. Certificates and keys lie in Secrets and ConfigMaps of
 * the namespace, which no part of Petrel reads through the API: they are mounted into the routers.
 */
import Type from "typebox";
import { keyReferenceSchema } from "./key-reference.ts";
import { type CelRule, objectNameSchema, stringEnum } from "./schema.ts";

/** Longest JSON Web Key Set, in characters: some ten RSA keys with their certificates. */
export const MAX_JWKS_LENGTH = 16_384;

const jwtSchema = Type.Object(
  {
    issuer: Type.String({
      minLength: 1,
      maxLength: 1024,
      description: "Who must have made the token: its claim `iss`.",
    }),
    audiences: Type.Array(
      Type.String({ minLength: 1, maxLength: 253, description: "A value of the claim `aud`." }),
      {
        minItems: 1,
        maxItems: 8,
        "x-kubernetes-list-type": "atomic",
        description: "Whom the token must be made for: one of these stands in its claim `aud`.",
      },
    ),
    jwks: Type.Object(
      {
        inline: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: MAX_JWKS_LENGTH,
            description: "The keys themselves, as the JSON of a JSON Web Key Set.",
          }),
        ),
        from: Type.Optional(keyReferenceSchema("Where the keys are.")),
      },
      {
        description:
          "Public keys of the issuer: a JSON Web Key Set, inline or from a key of a ConfigMap or Secret. A changed one is taken within about two minutes.",
      },
    ),
  },
  { description: "The token of each request, in its header `Authorization: Bearer TOKEN`." },
);

const mutualTlsSchema = Type.Object(
  {
    ca: keyReferenceSchema(
      "Where the certificates (PEM) of the authorities are that sign the certificates of clients.",
    ),
  },
  { description: "The certificate of each client." },
);

/** JSON Schema of the authentication of clients. */
export const authenticationSchema = Type.Object(
  {
    type: stringEnum(["JWT", "MutualTLS"], { description: "What proves who a client is." }),
    jwt: Type.Optional(jwtSchema),
    mutualTLS: Type.Optional(mutualTlsSchema),
  },
  {
    description:
      "Who may send requests. Anybody, unless set. A request without a token gets 401 (gRPC: UNAUTHENTICATED), one with a token for others 403 (PERMISSION_DENIED), a client without a certificate no connection.",
  },
);

/** JSON Schema of the certificate of the door. */
export const tlsSchema = Type.Object(
  {
    secretName: objectNameSchema(
      "Name of a Secret of type `kubernetes.io/tls` in the same namespace, as cert-manager makes them. A renewed certificate is taken without a restart.",
    ),
  },
  { description: "Requests come over TLS, from version 1.2 on, and over nothing else." },
);

const authentication = "self.traffic.authentication";

/** Rules over TLS and authentication in a spec. */
export const authenticationRules: readonly CelRule[] = [
  {
    rule: `!has(${authentication}) || (has(${authentication}.jwt) == (${authentication}.type == 'JWT') && has(${authentication}.mutualTLS) == (${authentication}.type == 'MutualTLS'))`,
    message:
      "spec.traffic.authentication: must have the field that type names, jwt for JWT or mutualTLS for MutualTLS, and not the other one",
  },
  {
    rule: `!has(${authentication}) || !has(${authentication}.mutualTLS) || has(self.traffic.tls)`,
    message: "spec.traffic.authentication.mutualTLS: needs spec.traffic.tls",
  },
  {
    rule: `!has(${authentication}) || !has(${authentication}.jwt) || has(${authentication}.jwt.jwks.inline) != has(${authentication}.jwt.jwks.from)`,
    message: "spec.traffic.authentication.jwt.jwks: must have exactly one of inline and from",
  },
];

/** What the door asks of its clients. */
export type Authentication = Type.Static<typeof authenticationSchema>;
