/**
 * What a model server tells the collector of answered requests of which a copy went to a candidate: their scores, how long
 * they took, and whether it was the request or its copy. The body of a post, and its signature.
 *
 *     {"deployment": "UID", "revision": "ranker-a", "keyId": 1, "seconds": 1795000000, "reports": [
 *       {"id": "065ca075aff346d2", "role": "Original", "epoch": 7, "group": 12, "status": 200, "latency": 3.2,
 *        "rows": 2, "scores": [0.25, 0.75]}]}
 *
 * No user is in it, only the group. It is signed with the key by which the revision signs tokens, and taken whole or not at
 * all.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { asRecord, parseJson } from "../api/json.ts";
import { SHADOW_ROLE } from "../render/envoy/route.ts";
import type { HmacKey } from "../token/hmac-sha256.ts";
import { GROUPS } from "../token/tags.ts";
import { MAXIMUM_DESCRIBED_ROWS } from "./observed-settings.ts";

/** Which of the two requests. */
export type ShadowRole = (typeof SHADOW_ROLE)[keyof typeof SHADOW_ROLE];

/** One answered request. */
export interface ShadowReport {
  /** 16 hexadecimal digits, the same of a request and its copy. */
  readonly id: string;
  readonly role: ShadowRole;
  /** Of the plan of the traffic that sent the copy. */
  readonly epoch: number;
  /** Of its user. */
  readonly group: number;
  /** As HTTP has it. */
  readonly status: number;
  readonly latencyMilliseconds: number;
  /** Of the whole request. */
  readonly rows: number;
  /** Of the first rows; NaN for one that is missing. */
  readonly scores: readonly number[];
}

/** What is posted at once. */
export interface ShadowBatch {
  /** Uid of the ModelDeployment. */
  readonly deployment: string;
  /** Name of the model revision that answered. */
  readonly revision: string;
  /** Of the key that signs it. */
  readonly keyId: number;
  /** When it was sent, since the Unix epoch. */
  readonly seconds: number;
  readonly reports: readonly ShadowReport[];
}

/** A body is no batch. The message says what was expected, and where. */
export class ShadowReportError extends Error {
  override readonly name = "ShadowReportError";
}

/** Header that has the signature. */
export const SHADOW_SIGNATURE_HEADER = "x-petrel-signature";
/** Most reports of a post. */
export const MAXIMUM_SHADOW_REPORTS = 256;

const SIGNATURE_BYTES = 16;
const MAXIMUM_SECONDS = 2 ** 32;
const MAXIMUM_ROWS = 1e9;
const MAXIMUM_LATENCY_MILLISECONDS = 1e9;
const LAST_STATUS = 999;

/** The body of a post. */
export function shadowBatchText({ reports, ...head }: ShadowBatch): string {
  const told = reports.map(({ latencyMilliseconds: latency, ...report }) => ({ ...report, latency }));
  // A score that is missing becomes null: JSON has no NaN.
  return JSON.stringify({ ...head, reports: told });
}

/** The signature of a body. */
export function shadowSignature(body: string, key: HmacKey): string {
  return signatureBytes(body, key).toString("hex");
}

/** Whether a signature is that of a body. */
export function isShadowSignature(given: string, body: string, key: HmacKey): boolean {
  const bytes = Buffer.from(given, "hex");
  return bytes.length === SIGNATURE_BYTES && timingSafeEqual(bytes, signatureBytes(body, key));
}

/** Of a hash, for a key signs short messages. No token begins like it: it is longer than any that is signed. */
function signatureBytes(body: string, key: HmacKey): Buffer {
  const message = Buffer.from(`petrel-shadow/${createHash("sha256").update(body).digest("hex")}`);
  const signature = Buffer.alloc(SIGNATURE_BYTES);
  key.sign(message, signature);
  return signature;
}

/**
 * Reads a body.
 *
 * @throws {ShadowReportError}
 */
export function readShadowBatch(body: string): ShadowBatch {
  const batch = asRecord(parseJson(body));
  if (batch === undefined) throw wrong("the body", "an object in JSON");
  const { reports } = batch;
  if (!Array.isArray(reports) || reports.length > MAXIMUM_SHADOW_REPORTS)
    throw wrong('"reports"', `a list of at most ${MAXIMUM_SHADOW_REPORTS}`);
  return {
    deployment: nameOf(batch["deployment"], '"deployment"'),
    revision: nameOf(batch["revision"], '"revision"'),
    keyId: wholeOf(batch["keyId"], 255, '"keyId"'),
    seconds: wholeOf(batch["seconds"], MAXIMUM_SECONDS, '"seconds"'),
    reports: reports.map((report, at) => reportOf(asRecord(report) ?? {}, `reports[${at}]`)),
  };
}

function reportOf(report: Readonly<Record<string, unknown>>, place: string): ShadowReport {
  const { id, role, latency, scores } = report;
  if (typeof id !== "string" || !/^[0-9a-f]{16}$/.test(id))
    throw wrong(`${place}.id`, "16 hexadecimal digits");
  if (role !== SHADOW_ROLE.original && role !== SHADOW_ROLE.copy)
    throw wrong(`${place}.role`, `${SHADOW_ROLE.original} or ${SHADOW_ROLE.copy}`);
  if (typeof latency !== "number" || !(latency >= 0 && latency <= MAXIMUM_LATENCY_MILLISECONDS))
    throw wrong(`${place}.latency`, "milliseconds from 0 on");
  if (!Array.isArray(scores) || scores.length > MAXIMUM_DESCRIBED_ROWS)
    throw wrong(`${place}.scores`, `a list of at most ${MAXIMUM_DESCRIBED_ROWS}`);
  return {
    id,
    role,
    epoch: wholeOf(report["epoch"], MAXIMUM_SECONDS, `${place}.epoch`),
    group: wholeOf(report["group"], GROUPS - 1, `${place}.group`),
    status: wholeOf(report["status"], LAST_STATUS, `${place}.status`),
    latencyMilliseconds: latency,
    rows: wholeOf(report["rows"], MAXIMUM_ROWS, `${place}.rows`),
    scores: scores.map((score: unknown, row) => {
      if (score === null) return Number.NaN;
      if (typeof score === "number") return score;
      throw wrong(`${place}.scores[${row}]`, "a number or null");
    }),
  };
}

function nameOf(value: unknown, place: string): string {
  if (typeof value === "string" && value.length > 0 && value.length <= 253) return value;
  throw wrong(place, "a name");
}

function wholeOf(value: unknown, maximum: number, place: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= maximum) return value;
  throw wrong(place, `a whole number from 0 to ${maximum}`);
}

function wrong(place: string, expected: string): ShadowReportError {
  return new ShadowReportError(`expected ${place} to be ${expected}`);
}
