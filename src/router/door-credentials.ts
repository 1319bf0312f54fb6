/**
 * Whether what a plan's door needs is there and can be used. Pure.
 *
 * Envoy would take a listener whose certificate is missing and refuse its connections without a word: so a plan is
 * taken only when everything is right, and what is wrong is said with the name of the Secret and its key.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { MAX_JWKS_LENGTH } from "../api/authentication.ts";
import { type Credential, credentialsOf, credentialText, tlsCredentials } from "../api/credential.ts";
import { asList, asRecord, parseJson, valueAt } from "../api/json.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { errorMessage } from "../core/log.ts";

/** What came of a look at the credentials of a plan. */
export type Resolution =
  /** All is there. The keys of an issuer stand in the plan itself. */
  | { readonly type: "Complete"; readonly plan: TrafficPlan }
  /** This pod was made before the plan asked for them. Its successor will have them. */
  | { readonly type: "NotMounted" }
  | { readonly type: "Unusable"; readonly problem: string };

/** The credentials that a router's pod has. */
export interface MountedCredentials {
  /** Texts of those that were mounted, whether they are there or not. */
  readonly mounted: ReadonlySet<string>;
  /** Content of one; undefined while it is not there. */
  read(credential: Credential): string | undefined;
}

/** Smallest RSA key that Envoy takes. */
const MINIMUM_RSA_BITS = 2048;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Something is missing or wrong. The message is for people. */
class CredentialProblem extends Error {
  override readonly name = "CredentialProblem";
}

/** Looks at all that the door of a plan needs. Never throws. */
export function resolveDoor(plan: TrafficPlan, credentials: MountedCredentials): Resolution {
  const isMounted = credentialsOf(plan).every((each) => credentials.mounted.has(credentialText(each)));
  if (!isMounted) return { type: "NotMounted" };
  try {
    if (plan.tls !== undefined) checkCertificate(plan.tls.secretName, credentials);
    const clientAuthority = plan.authentication?.mutualTLS?.ca;
    if (clientAuthority !== undefined) checkAuthority(clientAuthority, credentials);
    return { type: "Complete", plan: withInlineKeys(plan, credentials) };
  } catch (error) {
    return { type: "Unusable", problem: errorMessage(error) };
  }
}

function contentOf(credential: Credential, credentials: MountedCredentials): string {
  const content = credentials.read(credential);
  if (content !== undefined) return content;
  throw new CredentialProblem(
    `${credential.kind} ${credential.name} does not exist or has no key ${credential.key}`,
  );
}

function problem({ kind, name, key }: Credential, expected: string, error?: unknown): CredentialProblem {
  const words = error === undefined ? "" : `: ${errorMessage(error)}`;
  return new CredentialProblem(`${kind} ${name}, key ${key}: expected ${expected}${words}`);
}

function checkCertificate(secretName: string, credentials: MountedCredentials): void {
  const [certificate, privateKey] = tlsCredentials(secretName);
  if (certificate === undefined || privateKey === undefined) return;
  const chain = contentOf(certificate, credentials);
  const key = readKey(privateKey, contentOf(privateKey, credentials));
  const [leaf] = readCertificates(certificate, chain);
  if (leaf?.checkPrivateKey(key) !== true) {
    throw problem(privateKey, `the private key of the certificate in ${certificate.key}`);
  }
}

function readKey(credential: Credential, text: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    throw problem(credential, "a private key in PEM", error);
  }
  const isLongRsa =
    key.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MINIMUM_RSA_BITS;
  if (isLongRsa || key.asymmetricKeyType === "ec") return key;
  throw problem(credential, `an ECDSA key, or an RSA key of at least ${MINIMUM_RSA_BITS} bits`);
}

function readCertificates(credential: Credential, text: string): readonly X509Certificate[] {
  try {
    const certificates = (text.match(CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
    if (certificates.length > 0) return certificates;
  } catch (error) {
    throw problem(credential, "certificates in PEM", error);
  }
  throw problem(credential, "certificates in PEM, found none");
}

function checkAuthority(credential: Credential, credentials: MountedCredentials): void {
  readCertificates(credential, contentOf(credential, credentials));
}

/** The plan as it is when no token is asked for. */
function withInlineKeys(plan: TrafficPlan, credentials: MountedCredentials): TrafficPlan {
  const { authentication } = plan;
  if (authentication?.jwt === undefined) return plan;
  const { jwks } = authentication.jwt;
  const source = jwks.from;
  const inline = source === undefined ? (jwks.inline ?? "") : contentOf(source, credentials);
  const where =
    source === undefined
      ? "spec.traffic.authentication.jwt.jwks.inline"
      : `${source.kind} ${source.name}, key ${source.key}`;
  checkKeySet(where, inline);
  return { ...plan, authentication: { ...authentication, jwt: { ...authentication.jwt, jwks: { inline } } } };
}

/** Symmetric keys are refused: whoever may check a token with one may also make it. */
function checkKeySet(where: string, text: string): void {
  if (text.length > MAX_JWKS_LENGTH) {
    throw new CredentialProblem(
      `${where}: expected at most ${MAX_JWKS_LENGTH} characters, found ${text.length}`,
    );
  }
  const keys = asList(valueAt(parseJson(text), "keys"));
  if (keys.length === 0) throw new CredentialProblem(`${where}: expected a JSON Web Key Set with keys`);
  for (const [index, value] of keys.entries()) {
    const key = asRecord(value);
    try {
      if (key === undefined) throw new Error("it is no object");
      createPublicKey({ key, format: "jwk" });
    } catch (error) {
      throw new CredentialProblem(
        `${where}: expected a public key at keys[${index}]: ${errorMessage(error)}`,
      );
    }
    if (key["d"] !== undefined) {
      throw new CredentialProblem(`${where}: expected a public key at keys[${index}], found a private one`);
    }
  }
}
