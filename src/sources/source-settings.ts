/**
 * What sources are told beside the URI: mounts, authorities, proxy, credentials. Texts that came from files,
 * never file names, so that a source can be tried without a pod.
 *
 * Values here may be secrets: none may reach a message.
 */

import type { HttpProxy } from "./proxy.ts";

/** How HTTP and HTTPS servers are reached. */
export interface HttpAccess {
  /** Certificate authorities in PEM form that are trusted besides the well-known ones. */
  readonly authorities: readonly string[];
  /** A proxy for HTTP and HTTPS; none unless set. */
  readonly proxy?: {
    readonly server: HttpProxy;
    /** What is reached directly, as in `NO_PROXY`: `store.example.com`, `.svc`, `10.0.0.1`, `10.0.0.0/8`. */
    readonly exceptions: readonly string[];
  };
  /** Value of the header `Authorization`, and the one origin that it is sent to. */
  readonly authorization?: { readonly origin: string; readonly value: string };
}

/** Keys to an S3 store. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** With temporary keys. */
  readonly sessionToken?: string;
  /** When temporary keys end, in milliseconds since the Unix epoch. */
  readonly expiresAtMilliseconds?: number;
}

/** Gives keys; undefined to read without any. */
export type S3CredentialProvider = (signal: AbortSignal) => Promise<S3Credentials | undefined>;

/** How S3 stores are reached. */
export interface S3Access {
  /** `https://HOST[:PORT]` of a store that is not Amazon's, which then has its buckets in the path. */
  readonly endpoint?: string;
  readonly region: string;
  readonly credentials: S3CredentialProvider;
}

/** All that sources are told. */
export interface SourceSettings {
  readonly http: HttpAccess;
  readonly s3: S3Access;
  /** Folder in which the claims of `pvc:` URIs are mounted, each under its name. */
  readonly claimsFolder: string;
  /** Folder where the image of an `oci:` URI is mounted. */
  readonly imageFolder: string;
}
