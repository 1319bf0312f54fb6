/**
 * What every source of evidence must do, whoever answers it: take what is whole and fresh as it is, and refuse the rest
 * with a word about what is wrong. A new source is one more row of the table.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { systemClock } from "../../core/clock.ts";
import { USER_GROUPS } from "../../stats/evidence.ts";
import type { OutsideCell, OutsideEvidence } from "../../stats/outside-evidence.ts";
import { questionAbout } from "../../stats/testdata/evidence-question.ts";
import { HttpClient } from "../http-client.ts";
import { contractEvidence } from "./contract-endpoint.ts";
import type { EvidenceAccess } from "./evidence-access.ts";
import { prometheusEvidence } from "./prometheus.ts";

const NOW = Date.parse("2026-05-04T12:00:00Z");

const QUESTION = questionAbout([
  { epoch: 7, fromMilliseconds: NOW - 7_200_000, toMilliseconds: NOW - 3_600_000 },
  { epoch: 9, fromMilliseconds: NOW - 3_600_000, toMilliseconds: undefined },
]);

const QUERIES = {
  answers: 'answers{deployment="$deployment",epoch=~"$epochs"}',
  sums: "sums",
  maturedAnswers: "matured_answers",
  maturedSums: "matured_sums",
  ageSeconds: "age",
};

type Side = "arrived" | "matured";
const groups = (numberOf: (group: number) => number) =>
  Float64Array.from({ length: USER_GROUPS }, (_, g) => numberOf(g));

function cells(factor: number): readonly OutsideCell[] {
  return QUESTION.epochs.flatMap(({ epoch }) =>
    (["Candidate", "Stable"] as const).map((arm) => ({
      epoch,
      arm,
      answers: groups((g) => factor * (10 + (g % 7))),
      sums: groups((g) => factor * (g % 3)),
    })),
  );
}

/** Evidence of half a minute ago. */
const WHOLE: OutsideEvidence = { arrived: cells(2), matured: cells(1), asOfMilliseconds: NOW - 30_000 };

/** The same with one number replaced: of epoch 9, stable. */
function withNumber(side: Side, field: "answers" | "sums", group: number, value: number): OutsideEvidence {
  const changed = WHOLE[side].map((cell) => {
    if (cell.epoch !== 9 || cell.arm !== "Stable") return cell;
    const numbers = Float64Array.from(cell[field]);
    numbers[group] = value;
    return { ...cell, [field]: numbers };
  });
  return { ...WHOLE, [side]: changed };
}

/** Cells that are left out. */
function without(isOut: (cell: OutsideCell) => boolean): OutsideEvidence {
  const kept = (side: Side) => WHOLE[side].filter((cell) => !isOut(cell));
  return { ...WHOLE, arrived: kept("arrived"), matured: kept("matured") };
}

/** What a server answers to the body of a question. */
type Answering = (body: string) => string;

interface Source {
  readonly ask: (access: EvidenceAccess) => Promise<OutsideEvidence>;
  /** A server of that kind that knows this evidence. */
  readonly answering: (evidence: OutsideEvidence) => Answering;
}

function contractAnswer({ arrived, matured, asOfMilliseconds }: OutsideEvidence, body: string): object {
  const { epochs: _asked, ...question } = JSON.parse(body);
  const epochs = [...new Set(arrived.map(({ epoch }) => epoch))];
  const sides = (epoch: number, arm: OutsideCell["arm"]) => {
    const sideOf = (list: readonly OutsideCell[]) => {
      const found = list.find((cell) => cell.epoch === epoch && cell.arm === arm);
      return found && { answers: [...Array.from(found.answers)], sums: [...Array.from(found.sums)] };
    };
    return { arrived: sideOf(arrived), matured: sideOf(matured) };
  };
  return {
    ...question,
    asOf: new Date(asOfMilliseconds).toISOString(),
    epochs: epochs.map((epoch) => ({
      epoch,
      candidate: sides(epoch, "Candidate"),
      stable: sides(epoch, "Stable"),
    })),
  };
}

function vector(list: readonly OutsideCell[], field: "answers" | "sums") {
  return list.flatMap(({ epoch, arm, [field]: numbers }) =>
    Array.from(numbers).map((number, group) => ({
      metric: { epoch: String(epoch), arm: arm.toLowerCase(), group: String(group) },
      value: [NOW / 1_000, String(number)],
    })),
  );
}

function prometheusAnswer({ arrived, matured, asOfMilliseconds }: OutsideEvidence, body: string): object {
  const query = new URLSearchParams(body).get("query") ?? "";
  const age = [{ metric: {}, value: [NOW / 1_000, String((NOW - asOfMilliseconds) / 1_000)] }];
  const results: Readonly<Record<string, () => readonly object[]>> = {
    'answers{deployment="ranker",epoch=~"7|9"}': () => vector(arrived, "answers"),
    sums: () => vector(arrived, "sums"),
    matured_answers: () => vector(matured, "answers"),
    matured_sums: () => vector(matured, "sums"),
    age: () => age,
  };
  return { status: "success", data: { resultType: "vector", result: results[query]?.() } };
}

const SOURCES: Readonly<Record<string, Source>> = {
  "the contract": {
    ask: (access) => contractEvidence(access, QUESTION, 120_000),
    answering: (evidence) => (body) => JSON.stringify(contractAnswer(evidence, body)),
  },
  Prometheus: {
    ask: (access) => prometheusEvidence(access, QUERIES, QUESTION, 120_000),
    answering: (evidence) => (body) => JSON.stringify(prometheusAnswer(evidence, body)),
  },
};

type Respond = (body: string, request: IncomingMessage, response: ServerResponse) => void;

async function asked(
  source: Source,
  respond: Respond,
  more: Partial<EvidenceAccess> = {},
): Promise<OutsideEvidence> {
  const server = createServer((request, response) => {
    request.setEncoding("utf8");
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => respond(body, request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await source.ask({
      url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
      client: new HttpClient({ authorities: [] }),
      authorization: "Bearer secret",
      timeoutMilliseconds: 30_000,
      clock: { ...systemClock, now: () => NOW },
      signal: new AbortController().signal,
      ...more,
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const plain = ({ arrived, matured, asOfMilliseconds }: OutsideEvidence) => ({
  arrived: arrived.map((cell) => ({
    ...cell,
    answers: Array.from(cell.answers),
    sums: Array.from(cell.sums),
  })),
  matured: matured.map((cell) => ({
    ...cell,
    answers: Array.from(cell.answers),
    sums: Array.from(cell.sums),
  })),
  asOfMilliseconds,
});

describe.each(Object.entries(SOURCES))("%s", (_, source) => {
  test("what is whole and fresh is taken as it is", async () => {
    const answering = source.answering(WHOLE);
    const evidence = await asked(source, (body, request, response) => {
      expect(request.headers.authorization).toBe("Bearer secret");
      response.end(answering(body));
    });
    expect(plain(evidence)).toEqual(plain(WHOLE));
  });

  const moments = (asOfMilliseconds: number): OutsideEvidence => ({ ...WHOLE, asOfMilliseconds });
  test.each<[what: string, evidence: OutsideEvidence, message: RegExp]>([
    [
      "older than allowed",
      moments(NOW - 121_000),
      /expected evidence of the last 120 s, got some of 121 s ago/,
    ],
    ["of the future", moments(NOW + 301_000), /expected evidence of the past/],
    ["without an epoch", without(({ epoch }) => epoch === 9), /epochs|9\/Candidate/],
    ["without an arm", without(({ epoch, arm }) => epoch === 9 && arm === "Stable"), /stable|9\/Stable/],
    ["of an epoch that nobody asked about", { ...WHOLE, ...renamed(9, 8) }, /8/],
    [
      "with a negative number",
      withNumber("arrived", "answers", 5, -1),
      /epoch 9, stable: group 5 has -1 answers/,
    ],
    ["with a part of an answer", withNumber("arrived", "answers", 5, 30.5), /group 5 has 30.5 answers/],
    [
      "with more successes than answers",
      withNumber("arrived", "sums", 5, 99),
      /group 5 has 99 successes in 30 answers/,
    ],
    ["with a number that is none", withNumber("arrived", "sums", 5, Number.NaN), /sums/],
    [
      "with an infinite number",
      withNumber("matured", "sums", 5, Number.POSITIVE_INFINITY),
      /sums|maturedSums/,
    ],
    [
      "with more matured answers than answers",
      withNumber("matured", "answers", 5, 31),
      /group 5: expected no more matured answers/,
    ],
    [
      "with a larger matured sum than the sum",
      withNumber("matured", "sums", 5, 5),
      /group 5: expected no larger matured sum/,
    ],
  ])("refuses evidence %s", async (_what, evidence, message) => {
    const answering = source.answering(evidence);
    await expect(
      asked(source, (body, _request, response) => response.end(answering(body))),
    ).rejects.toMatchObject({
      name: "EvidenceError",
      message: expect.stringMatching(message),
    });
  });

  test("refuses an answer that is torn, wherever it is", async () => {
    const answering = source.answering(WHOLE);
    for (const share of [0, 0.3, 0.9, 0.9999]) {
      const torn: Respond = (body, _request, response) => {
        const text = answering(body);
        response.end(text.slice(0, Math.floor(text.length * share)));
      };
      await expect(asked(source, torn)).rejects.toMatchObject({
        name: "EvidenceError",
        message: expect.stringContaining("expected a whole answer in JSON"),
      });
    }
  });

  test.each<[what: string, respond: Respond, message: RegExp]>([
    [
      "a connection that breaks",
      (_body, _request, response) => response.destroy(),
      /the connection to .* failed/,
    ],
    [
      "another status",
      (_body, _request, response) => response.writeHead(503).end("later"),
      /gives no evidence: HTTP 503: later/,
    ],
    [
      "a redirect, with what it would have been sent",
      (_body, _request, response) => response.writeHead(307, { location: "http://127.0.0.1:9/" }).end(),
      /gives no evidence: HTTP 307/,
    ],
    ["an answer without an end", (_body, _request, response) => endless(response), /answers too much/],
  ])("has no evidence after %s", async (_what, respond, message) => {
    await expect(asked(source, respond)).rejects.toMatchObject({
      name: "SourceError",
      message: expect.stringMatching(message),
    });
  });

  test("waits no longer than allowed, and tells no secret", async () => {
    const asking = asked(source, () => {}, { timeoutMilliseconds: 100 });
    const error: unknown = await asking.catch((one: unknown) => one);
    expect(error).toMatchObject({
      name: "SourceError",
      message: expect.stringContaining("expected an answer within 0.1 s"),
    });
    expect(String(error)).not.toContain("secret");
  });

  test("asks nothing that could be taken for a part of a query", async () => {
    const named = { ...QUESTION, deployment: 'ranker"} or up{a="' };
    const access = { url: new URL("http://127.0.0.1:9"), clock: systemClock } as EvidenceAccess;
    await expect(contractEvidence(access, named, 1)).rejects.toThrow("expected deployment to be a name");
    await expect(prometheusEvidence(access, QUERIES, named, 1)).rejects.toThrow(
      "expected deployment to be a name",
    );
  });
});

/** The evidence with an epoch under another number. */
function renamed(from: number, to: number): Pick<OutsideEvidence, Side> {
  const all = (side: Side) =>
    WHOLE[side].map((cell) => (cell.epoch === from ? { ...cell, epoch: to } : cell));
  return { arrived: all("arrived"), matured: all("matured") };
}

function endless(response: ServerResponse): void {
  const chunk = "x".repeat(1_048_576);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once("drain", more);
  };
  response.on("error", () => {});
  more();
}
