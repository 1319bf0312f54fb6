/**
 * Mints the prediction token of each inference: what the router said of the request, and how many rows it had, signed.
 * The model server does it for its own answers, the sidecar for those of a foreign runtime.
 *
 * Only a request that the router has assigned to an arm gets one. What is not counted (own traffic), or cannot be
 * signed yet, is answered all the same and without a token: no prediction ever waits for evidence, or fails for it.
 */
import { ARM_NUMBER, armNumber } from "../api/arm.ts";
import { FULL_WEIGHT } from "../api/traffic-plan.ts";
import { LONGEST_USER, PETREL_HEADER } from "../render/envoy/route.ts";
import { armOf } from "../stats/arm-check.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import type { DescribedRows } from "./described-rows.ts";
import type { KeyRing, SigningKey } from "./key-ring.ts";
import { ARM_CHECK, type ArmCheck, MAXIMUM_ROWS, mintToken } from "./prediction-token.ts";
import { slotOf, tokenSlot } from "./slot.ts";
import { anonymousTag, nameTag, userTag } from "./tags.ts";

/** Who mints, as a token names it. */
export interface TokenIssuer {
  /** Uid of the ModelDeployment. */
  readonly deployment: string;
  /** Name of the model revision. */
  readonly revision: string;
  /** Index of the pool in the chain of failover. */
  readonly pool: number;
  /** Digest of the model, as `sha256:HEX`; empty when it is not known. */
  readonly modelDigest: string;
}

/** What the router says of a request; each is empty where it says nothing. */
export interface RequestAssignment {
  arm: string;
  epoch: string;
  /** When the request came, in seconds since the Unix epoch, by the router's clock. */
  time: string;
  user: string;
  /** How the arm was chosen. */
  split: string;
  /** The header that names the user came once. Of two, the routers hash both, and tell the first. */
  isNamedOnce: boolean;
  excluded: string;
}

/** What became of the token of an answer. */
export type TokenOutcome =
  | "minted"
  /** No router that counts has sent the request. */
  | "unassigned"
  | "excluded"
  | "no_key"
  /** How many rows it has is not known. */
  | "unread";

/** How many answers had each outcome. */
export type TokenOutcomes = Readonly<Record<TokenOutcome, number>>;

const REQUEST_ID_BYTES = 8;
/** Random bytes are fetched for so many requests at once: each call costs more than the rest of minting. */
const REQUEST_IDS = 512;
const NO_SCORES: DescribedRows = { scores: new Uint16Array(0) };
const MAXIMUM_UNSIGNED = 2 ** 32 - 1;

const FIELD_BY_HEADER: ReadonlyMap<string, Exclude<keyof RequestAssignment, "isNamedOnce">> = new Map([
  [PETREL_HEADER.arm, "arm"],
  [PETREL_HEADER.epoch, "epoch"],
  [PETREL_HEADER.time, "time"],
  [PETREL_HEADER.user, "user"],
  [PETREL_HEADER.split, "split"],
  [PETREL_HEADER.excluded, "excluded"],
]);
/** Only a header with a name of such a length is looked at. */
const LENGTHS = new Set([...FIELD_BY_HEADER.keys()].map(({ length }) => length));

/** Reads names and values, one after the other. */
export function readAssignment(rawHeaders: readonly string[]): RequestAssignment {
  const assignment = { arm: "", epoch: "", time: "", user: "", split: "", isNamedOnce: false, excluded: "" };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!LENGTHS.has(name.length)) continue;
    const field = FIELD_BY_HEADER.get(name.toLowerCase());
    if (field !== undefined) assignment[field] = rawHeaders[index + 1] ?? "";
  }
  assignment.isNamedOnce = isNamedOnce(assignment.split, rawHeaders);
  return assignment;
}

/** Whether the header that names the user, the last word of how the arm was chosen, came once. */
function isNamedOnce(split: string, rawHeaders: readonly string[]): boolean {
  const start = split.lastIndexOf(" ") + 1;
  if (start === 0) return false;
  const header = split.slice(start);
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === header.length && name.toLowerCase() === header) count++;
  }
  return count === 1;
}

/** The same where the headers were read already; one that came twice says nothing. */
export function assignmentIn(
  headers: Readonly<Record<string, unknown>>,
  rawHeaders: readonly string[],
): RequestAssignment {
  const textOf = (name: string): string => {
    const value = headers[name];
    return typeof value === "string" ? value : "";
  };
  return {
    arm: textOf(PETREL_HEADER.arm),
    epoch: textOf(PETREL_HEADER.epoch),
    time: textOf(PETREL_HEADER.time),
    user: textOf(PETREL_HEADER.user),
    split: textOf(PETREL_HEADER.split),
    isNamedOnce: isNamedOnce(textOf(PETREL_HEADER.split), rawHeaders),
    excluded: textOf(PETREL_HEADER.excluded),
  };
}

/** Mints tokens for one model server. */
export class TokenMint {
  readonly #issuer: TokenIssuer;
  readonly #fillRandomly: (bytes: Uint8Array) => unknown;
  readonly #tags: Readonly<Record<"deployment" | "revision" | "model", number>>;
  readonly #requestIds = new Uint8Array(REQUEST_ID_BYTES * REQUEST_IDS);
  #nextRequestId = this.#requestIds.length;
  /** The last one that came: it stays the same as long as the plan does. */
  #split = readSplit("");
  #ring: KeyRing | undefined;
  #signing: SigningKey | undefined;
  readonly #outcomes = { minted: 0, unassigned: 0, excluded: 0, no_key: 0, unread: 0 };

  /** `fillRandomly` fills bytes that nobody can guess. */
  constructor(issuer: TokenIssuer, fillRandomly: (bytes: Uint8Array) => unknown) {
    const { deployment, revision, modelDigest } = issuer;
    this.#issuer = issuer;
    this.#fillRandomly = fillRandomly;
    this.#tags = {
      deployment: nameTag(deployment),
      revision: nameTag(revision),
      model: Number.parseInt(modelDigest.replace(/^sha256:/, "").slice(0, 8) || "0", 16),
    };
  }

  /** What became of all tokens so far. */
  get outcomes(): TokenOutcomes {
    return this.#outcomes;
  }

  /** Signs with these keys from now on. */
  useKeys(ring: KeyRing): void {
    const { deployment, revision } = this.#issuer;
    this.#ring = ring;
    this.#signing = ring.signingKey(deployment, revision);
  }

  /**
   * The token of an answer with so many rows and these scores, or undefined for an answer without one. What is told of
   * the request gets the token's id, by which labels are joined with it.
   */
  mint(
    assignment: RequestAssignment,
    rows: number | undefined,
    told?: Pick<TapEvent, "requestId" | "hasToken">,
    described: DescribedRows = NO_SCORES,
  ): string | undefined {
    const { arm: armName, user, excluded } = assignment;
    const arm = armNumber(armName);
    const [epoch, seconds] = [unsigned(assignment.epoch), unsigned(assignment.time)];
    if (arm === undefined || epoch === undefined || seconds === undefined) return this.#without("unassigned");
    if (excluded !== "") return this.#without("excluded");
    if (this.#ring === undefined || this.#signing === undefined) return this.#without("no_key");
    if (rows === undefined) return this.#without("unread");
    const requestId = this.#requestId();
    const { users } = this.#ring;
    this.#outcomes.minted += 1;
    if (told !== undefined) {
      for (let index = 0; index < REQUEST_ID_BYTES; index++) told.requestId[index] = requestId[index] ?? 0;
      told.hasToken = true;
    }
    return mintToken(
      {
        arm,
        keyId: this.#signing.id,
        requestId,
        seconds,
        ...this.#tags,
        armCheck: this.#armCheck(arm, assignment),
        pool: this.#issuer.pool,
        epoch,
        userTag: user === "" ? anonymousTag(requestId, users) : userTag(user, users),
        slot: tokenSlot(slotOf(seconds)),
        rows: Math.min(rows, MAXIMUM_ROWS),
        ...(rows <= MAXIMUM_ROWS ? described : NO_SCORES),
      },
      this.#signing.key,
    );
  }

  /** Computes the arm again. It is the same as long as no router splits in another way than it says. */
  #armCheck(arm: number, { user, split: text, isNamedOnce }: RequestAssignment): ArmCheck {
    if (text !== this.#split.text) this.#split = readSplit(text);
    const { check, arms, weights, salt } = this.#split;
    if (check !== undefined) return check;
    if (!isNamedOnce || user.length >= LONGEST_USER) return ARM_CHECK.unchecked;
    const computed = arms[armOf(user, salt, weights) ?? arms.length];
    return computed === arm ? ARM_CHECK.right : ARM_CHECK.wrong;
  }

  #without(outcome: TokenOutcome): undefined {
    this.#outcomes[outcome] += 1;
  }

  #requestId(): Uint8Array {
    if (this.#nextRequestId === this.#requestIds.length) {
      this.#fillRandomly(this.#requestIds);
      this.#nextRequestId = 0;
    }
    const start = this.#nextRequestId;
    this.#nextRequestId += REQUEST_ID_BYTES;
    return this.#requestIds.subarray(start, this.#nextRequestId);
  }
}

interface Split {
  readonly text: string;
  /** What follows without a computation. */
  readonly check?: ArmCheck;
  /** Numbers of the arms, in the order in which the route has them. */
  readonly arms: readonly number[];
  /** Weights of the same. */
  readonly weights: readonly number[];
  readonly salt: string;
}

/** Of a release the weight of the candidate; of an experiment number and weight of each arm. */
const SPLIT = /^(?:(\d{1,5})|(\d{1,2}=\d{1,5}(?:,\d{1,2}=\d{1,5})*))\/(\d{1,5}) (\S+) \S+$/;

function readSplit(text: string): Split {
  const nothing = { text, arms: [], weights: [], salt: "" };
  if (text === "") return { ...nothing, check: ARM_CHECK.untold };
  const [, candidate, listed = "", all = "", salt = ""] = SPLIT.exec(text) ?? [];
  if (Number(all) !== FULL_WEIGHT) return { ...nothing, check: ARM_CHECK.unchecked };
  if (candidate !== undefined) {
    const weights = [Number(candidate), FULL_WEIGHT - Number(candidate)];
    return { text, arms: [ARM_NUMBER.Candidate, ARM_NUMBER.Stable], weights, salt };
  }
  const pairs = listed.split(",").map((pair) => pair.split("=").map(Number));
  return { text, arms: pairs.map(([arm = 0]) => arm), weights: pairs.map(([, weight = 0]) => weight), salt };
}

function unsigned(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= MAXIMUM_UNSIGNED ? value : undefined;
}
