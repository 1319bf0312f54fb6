/**
 * The Secrets and ConfigMaps that the door of a ModelDeployment needs, key by key: the operator mounts them into the
 * routers, and the routers look for them there.
 */
import type { Authentication } from "./authentication.ts";
import type { KeyReference } from "./key-reference.ts";

/** One key of one object. */
export type Credential = Readonly<KeyReference>;

/** Keys of a Secret of type `kubernetes.io/tls`. */
export const TLS_KEY = { certificate: "tls.crt", privateKey: "tls.key" } as const;

/** TLS and authentication, in a spec or in a plan. */
export interface Door {
  readonly tls?: { readonly secretName: string };
  readonly authentication?: Authentication;
}

/** All that a door needs, in a fixed order. */
export function credentialsOf({ tls, authentication }: Door): readonly Credential[] {
  const keys = [authentication?.jwt?.jwks.from, authentication?.mutualTLS?.ca];
  return [
    ...(tls === undefined ? [] : tlsCredentials(tls.secretName)),
    ...keys.filter((key) => key !== undefined),
  ];
}

/** Certificate and private key of a Secret. */
export function tlsCredentials(name: string): readonly Credential[] {
  return Object.values(TLS_KEY).map((key) => ({ kind: "Secret", name, key }));
}

/** `KIND/NAME/KEY`: no part can hold a slash. */
export function credentialText({ kind, name, key }: Credential): string {
  return `${kind}/${name}/${key}`;
}
