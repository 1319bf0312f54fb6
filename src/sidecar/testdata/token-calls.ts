/** Requests that get tokens, and a mint for them, in the process of a test. */
import { randomFillSync } from "node:crypto";
import { connect } from "node:http2";
import { PETREL_HEADER } from "../../render/envoy/route.ts";
import { encodeMessage } from "../../serve/grpc-messages.ts";
import { inferOnWire } from "../../serve/testdata/grpc-wire-call.ts";
import { KeyRing } from "../../token/key-ring.ts";
import { TokenMint } from "../../token/token-mint.ts";
import { cleanups } from "./inline.ts";

export const SECRET = Buffer.alloc(32, 1).toString("base64");
const KEY = { deployment: "uid-1", revision: "m-a", id: 1, secret: SECRET };
export const ring = KeyRing.parse(JSON.stringify({ users: SECRET, keys: [KEY] }));
export const ASSIGNED = {
  [PETREL_HEADER.arm]: "Candidate",
  [PETREL_HEADER.epoch]: "7",
  [PETREL_HEADER.time]: "1795000000",
};
export const FEATURES = Array.from({ length: 12 }, (_, index) => index);
export const JSON_REQUEST = JSON.stringify({
  inputs: [{ name: "features", datatype: "FP32", shape: [3, 4], data: FEATURES }],
});

export function newMint(): TokenMint {
  const issuer = { deployment: "uid-1", revision: "m-a", pool: 2, modelDigest: `sha256:${"ab".repeat(32)}` };
  const mint = new TokenMint(issuer, randomFillSync);
  mint.useKeys(ring);
  return mint;
}

/** An answer over gRPC. */
export interface Answer {
  readonly token: string | undefined;
  /** A token behind the messages, where none belongs. */
  readonly trailingToken: string | undefined;
  readonly status: string;
  readonly body: Buffer;
}

/** One call, by what it says of tokens. */
export async function call(
  address: string,
  message: Buffer,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const session = connect(`http://${address}`);
  cleanups.push(() => session.destroy());
  const { head, trailers, status, body } = await inferOnWire(session, message, headers);
  const [token, trailingToken] = [head, trailers].map((one) => one[PETREL_HEADER.token]?.toString());
  return { token, trailingToken, status, body };
}

export const MESSAGE = encodeMessage("inference.ModelInferRequest", {
  modelName: "m",
  inputs: [{ name: "features", datatype: "FP32", shape: [3, 4], contents: { fp32Contents: FEATURES } }],
});
