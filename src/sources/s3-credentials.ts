/**
 * Where the keys to an S3 store come from: fixed ones, or the pod's own identity, a token that Kubernetes signs
 * and the store exchanges for temporary keys (`AssumeRoleWithWebIdentity`).
 *
 * Neither keys nor token may reach a message.
 */
import { readFile } from "node:fs/promises";
import { errorCode } from "./error-code.ts";
import { type HttpClient, textOf } from "./http-client.ts";
import { statusIsRetryable } from "./http-semantics.ts";
import { SourceError } from "./model-source.ts";
import { displayUrl } from "./model-uri.ts";
import { parseErrorCode, parseTemporaryKeys } from "./s3-answers.ts";
import type { S3CredentialProvider, S3Credentials } from "./source-settings.ts";

/** Longest answer of a token service. */
const MAX_ANSWER_BYTES = 64 << 10;
/** Temporary keys are renewed this long before they end. */
const RENEW_BEFORE_MILLISECONDS = 5 * 60_000;

/** How the pod's identity is exchanged for keys. */
export interface WebIdentity {
  /** The token service: `https://sts.REGION.amazonaws.com`, or the endpoint of another store. */
  readonly endpoint: string;
  /** Role to take; a store that knows the role from the token needs none. */
  readonly roleArn: string | undefined;
  /** File with the token. The kubelet renews it, so it is read each time. */
  readonly tokenFile: string;
  /** Who asks, as the store's own log names it: 2 to 64 letters, digits, or `-`. */
  readonly session: string;
}

/** The same keys, always. */
export function fixedCredentials(credentials: S3Credentials | undefined): S3CredentialProvider {
  return async () => credentials;
}

/** Temporary keys for the pod's identity, taken when they are first needed and again before they end. */
export function webIdentityCredentials(
  identity: WebIdentity,
  client: HttpClient,
  now: () => number,
): S3CredentialProvider {
  let current: S3Credentials | undefined;
  return async (signal) => {
    const endsAt = current?.expiresAtMilliseconds ?? 0;
    if (endsAt - RENEW_BEFORE_MILLISECONDS < now()) current = await assumeRole(identity, client, signal);
    return current;
  };
}

async function assumeRole(
  identity: WebIdentity,
  client: HttpClient,
  signal: AbortSignal,
): Promise<S3Credentials> {
  const url = new URL(identity.endpoint);
  const shown = displayUrl(url);
  const form = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleSessionName: identity.session,
    WebIdentityToken: await readToken(identity.tokenFile),
    ...(identity.roleArn === undefined ? {} : { RoleArn: identity.roleArn }),
  });
  const response = await client.send({
    method: "POST",
    url,
    headers: { "content-type": "application/x-www-form-urlencoded", "user-agent": identity.session },
    body: form.toString(),
    signal,
  });
  const text = await textOf(response, shown, MAX_ANSWER_BYTES);
  const { statusCode: status = 0 } = response;
  if (status === 200) return parseTemporaryKeys(text);
  const found = `HTTP ${status} ${parseErrorCode(text) ?? ""}`.trim();
  throw new SourceError({
    message: `the token service ${shown} gives no keys for the pod's identity: expected HTTP 200, found ${found}`,
    expected: "HTTP 200",
    found,
    terminal: !statusIsRetryable(status),
  });
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    const found = errorCode(cause) ?? "an unknown error";
    throw new SourceError({
      message: `the pod's identity cannot be read: expected a token in ${file}, found ${found}`,
      expected: `a token in ${file}`,
      found,
      terminal: true,
      cause,
    });
  }
}
