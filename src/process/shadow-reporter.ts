/**
 * Tells the collector of requests of which a copy went to a candidate, by what they were answered: by the model server of
 * stable and by that of the candidate alike, and for a foreign runtime by the sidecar before it.
 *
 * It must never slow a request or grow: reports wait in a room of a fixed size for one post at a time, and what does not fit,
 * or is not taken, is dropped and counted. Unmarked requests cost a look at the lengths of their headers' names.
 */
import { Counter, type Registry } from "prom-client";
import { SCORE_COLUMN } from "../api/observe.ts";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { COLLECTOR_NAME, COLLECTOR_PORT } from "../render/collector-names.ts";
import { PETREL_HEADER, SHADOW_ROLE } from "../render/envoy/route.ts";
import type { ObservedTensor } from "../tap/observation.ts";
import { numberAt, rowsOf } from "../tap/observation.ts";
import type { ObservedSettings, TensorPlace } from "../tap/observed-settings.ts";
import {
  MAXIMUM_SHADOW_REPORTS,
  SHADOW_SIGNATURE_HEADER,
  type ShadowReport,
  type ShadowRole,
  shadowBatchText,
  shadowSignature,
} from "../tap/shadow-report.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { anonymousTag, groupOf, userTag } from "../token/tags.ts";
import { readAssignment, type TokenIssuer } from "../token/token-mint.ts";

/** Where the collector of a pod's namespace takes reports. */
export const SHADOW_URL = `http://${COLLECTOR_NAME}:${COLLECTOR_PORT.feedback}/shadow`;

/** What a reporter is made of. */
export interface ShadowReporterOptions {
  readonly issuer: Pick<TokenIssuer, "deployment" | "revision">;
  /** {@link SHADOW_URL} unless given. */
  readonly url?: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Envoy gives every request one, and a copy the same. */
const REQUEST_ID_HEADER = "x-request-id";
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/;
const EPOCH = /^\d{1,9}$|^[1-3]\d{9}$/;
const MAXIMUM_WAITING = 2_048;
const FLUSH_MILLISECONDS = 1_000;
const TIMEOUT_MILLISECONDS = 5_000;

/** A request that has to be told of, on its way. */
export class MarkedRequest {
  readonly #reporter: ShadowReporter;
  readonly #request: Pick<ShadowReport, "id" | "role" | "epoch" | "group">;
  readonly #place: TensorPlace;
  readonly #maximumRows: number;
  #rows = 0;
  #scores: readonly number[] = [];

  constructor(
    reporter: ShadowReporter,
    request: Pick<ShadowReport, "id" | "role" | "epoch" | "group">,
    place: TensorPlace,
    maximumRows: number,
  ) {
    this.#reporter = reporter;
    this.#request = request;
    this.#place = place;
    this.#maximumRows = maximumRows;
  }

  /** Takes the scores of the first rows. */
  takeOutputs(outputs: readonly ObservedTensor[]): void {
    const { tensor: name, column } = this.#place;
    const tensor = outputs.find((output) => output.name === name);
    if (tensor === undefined) return;
    this.#rows = rowsOf(tensor);
    const described = Math.min(this.#rows, this.#maximumRows);
    this.#scores = Array.from({ length: described }, (_, row) => numberAt(tensor, row, column));
  }

  /** It was answered, with a status as HTTP has it. */
  end(status: number, latencyMilliseconds: number): void {
    this.#reporter.add({
      ...this.#request,
      status,
      latencyMilliseconds,
      rows: this.#rows,
      scores: this.#scores,
    });
  }
}

/** What became of reports. */
interface ReportOutcomes {
  sent: number;
  dropped: number;
}

/** Reports of one model server. */
export class ShadowReporter {
  readonly #options: ShadowReporterOptions;
  readonly #outcomes: ReportOutcomes = { sent: 0, dropped: 0 };
  readonly #waiting: ShadowReport[] = [];
  #ring: KeyRing | undefined;
  #isPlanned = false;
  #hasFailed = false;

  constructor(options: ShadowReporterOptions) {
    this.#options = options;
  }

  /** How many reports the collector took, and how many it never got. */
  get outcomes(): Readonly<ReportOutcomes> {
    return this.#outcomes;
  }

  /** Signs, and groups users, with these keys from now on. */
  useKeys(ring: KeyRing): void {
    this.#ring = ring;
  }

  /** Begins to look at a request, by its headers, names and values one after the other; undefined for any other. */
  begin(rawHeaders: readonly string[], observed: ObservedSettings): MarkedRequest | undefined {
    const role = roleOf(valueIn(rawHeaders, PETREL_HEADER.shadow));
    const place = observed.columns.find(({ name }) => name === SCORE_COLUMN);
    if (role === undefined || place === undefined || this.#ring === undefined) return undefined;
    const requestId = valueIn(rawHeaders, REQUEST_ID_HEADER) ?? "";
    const { epoch, user, excluded } = readAssignment(rawHeaders);
    if (excluded !== "" || !REQUEST_ID.test(requestId) || !EPOCH.test(epoch)) return undefined;
    const id = requestId.replaceAll("-", "").slice(0, 16);
    const { users } = this.#ring;
    const tag = user === "" ? anonymousTag(Buffer.from(id, "hex"), users) : userTag(user, users);
    const request = { id, role, epoch: Number(epoch), group: groupOf(tag) };
    return new MarkedRequest(this, request, place, observed.maximumRows);
  }

  /** Takes a report. */
  add(report: ShadowReport): void {
    if (this.#waiting.length >= MAXIMUM_WAITING) {
      this.#outcomes.dropped += 1;
      return;
    }
    this.#waiting.push(report);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#options.clock.schedule(FLUSH_MILLISECONDS, () => void this.#flush());
  }

  /** Tells of what waits by now, unless the collector does not take it. */
  async #flush(): Promise<void> {
    for (let posts = Math.ceil(this.#waiting.length / MAXIMUM_SHADOW_REPORTS); posts > 0; posts--)
      if (!(await this.#post(this.#waiting.splice(0, MAXIMUM_SHADOW_REPORTS)))) break;
    this.#isPlanned = false;
    if (this.#waiting.length > 0) this.#plan();
  }

  /** Whether the collector took them; they are gone either way. */
  async #post(reports: readonly ShadowReport[]): Promise<boolean> {
    try {
      await this.#send(reports);
      this.#outcomes.sent += reports.length;
      this.#hasFailed = false;
      return true;
    } catch (error) {
      this.#outcomes.dropped += reports.length;
      if (!this.#hasFailed)
        this.#options.log.warn("the collector takes no reports of mirrored requests; they are dropped", {
          "error.message": errorMessage(error),
        });
      this.#hasFailed = true;
      return false;
    }
  }

  async #send(reports: readonly ShadowReport[]): Promise<void> {
    const { issuer, url = SHADOW_URL, clock } = this.#options;
    const signing = this.#ring?.signingKey(issuer.deployment, issuer.revision);
    if (signing === undefined) throw new Error("expected a key of this revision, got none");
    const body = shadowBatchText({
      deployment: issuer.deployment,
      revision: issuer.revision,
      keyId: signing.id,
      seconds: Math.floor(clock.now() / 1_000),
      reports,
    });
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        [SHADOW_SIGNATURE_HEADER]: shadowSignature(body, signing.key),
      },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      redirect: "error",
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`expected status 200, got ${response.status}`);
  }
}

function roleOf(text: string | undefined): ShadowRole | undefined {
  return Object.values(SHADOW_ROLE).find((role) => role === text);
}

function valueIn(rawHeaders: readonly string[], header: string): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === header.length && name.toLowerCase() === header) return rawHeaders[index + 1];
  }
  return undefined;
}

/** A reporter, with a metric of this name that tells what became of its reports. */
export function shadowReporter(
  options: ShadowReporterOptions,
  registry: Registry,
  name: string,
): ShadowReporter {
  const reporter = new ShadowReporter(options);
  new Counter({
    name,
    help: "Reports of requests that were mirrored to a candidate, or are such copies, by whether the collector took them.",
    labelNames: ["outcome"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(reporter.outcomes)) this.inc({ outcome }, count);
    },
  });
  return reporter;
}
