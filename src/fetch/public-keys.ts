/**
 * The public keys that a model's signature may be made with: one PEM text, of one key or, while keys are
 * replaced, of several.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { FetchFailure } from "./failure.ts";

const PEM_BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g;
/** Keys that one text may hold. */
const MAX_KEYS = 16;
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];
const MIN_RSA_BITS = 2_048;

/**
 * Reads the keys: EC on a NIST curve, or RSA of at least 2,048 bits.
 *
 * @throws FetchFailure (`Settings`) when the text holds anything else, or nothing.
 */
export function parsePublicKeys(pem: string): readonly KeyObject[] {
  const blocks = [...pem.matchAll(PEM_BLOCK)].map(([block]) => block);
  if (blocks.length === 0 || blocks.length > MAX_KEYS) {
    throw unusable(`1 to ${MAX_KEYS} public keys in PEM form`, `${blocks.length} PEM blocks`);
  }
  return blocks.map((block) => {
    // A private key in this place would be a mistake that must not work.
    if (!/^-----BEGIN (RSA )?PUBLIC KEY-----/.test(block)) {
      throw unusable("a block PUBLIC KEY", `a block ${/BEGIN ([A-Z ]+)/.exec(block)?.[1] ?? "of no name"}`);
    }
    return checked(parseKey(block));
  });
}

function parseKey(block: string): KeyObject {
  try {
    return createPublicKey(block);
  } catch {
    throw unusable("a public key in PEM form", "a block that holds none");
  }
}

function checked(key: KeyObject): KeyObject {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && CURVES.includes(namedCurve ?? "")) return key;
  if (key.asymmetricKeyType === "rsa" && modulusLength >= MIN_RSA_BITS) return key;
  const found = [key.asymmetricKeyType, namedCurve, modulusLength > 0 ? `${modulusLength} bits` : ""];
  throw unusable(
    `an EC key on P-256, P-384 or P-521, or an RSA key of at least ${MIN_RSA_BITS} bits`,
    found.filter(Boolean).join(" "),
  );
}

/** The hash that goes with an EC key of its size in Sigstore's formats. */
export function hashOfCurve(key: KeyObject): "sha256" | "sha384" | "sha512" {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === "secp384r1") return "sha384";
  return curve === "secp521r1" ? "sha512" : "sha256";
}

function unusable(expected: string, found: string): FetchFailure {
  const message = `the public key cannot be used: expected ${expected}, found ${found}`;
  return new FetchFailure({ check: "Settings", message, expected, found, terminal: true });
}
