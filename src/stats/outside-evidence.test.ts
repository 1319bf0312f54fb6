import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parseContractAnswer, questionText } from "./evidence-contract.ts";
import { type EvidenceQuestion, requireQuestion } from "./outside-evidence.ts";
import { parsePrometheusAnswers, queriesFor } from "./prometheus-evidence.ts";
import { questionAbout } from "./testdata/evidence-question.ts";

const NOW = Date.parse("2026-05-04T14:00:00Z");
const FRESH = { nowMilliseconds: NOW, staleAfterMilliseconds: 60_000 };

const QUESTION = questionAbout([
  { epoch: 17, fromMilliseconds: Date.parse("2026-05-04T12:00:00Z"), toMilliseconds: undefined },
]);

const zeros = () => Array.from({ length: 128 }, () => 0);
const side = () => ({ answers: zeros(), sums: zeros() });
const arm = () => ({ arrived: side(), matured: side() });

function answer(more: object = {}): Record<string, unknown> {
  const { epochs, ...question } = JSON.parse(questionText(QUESTION));
  return {
    ...question,
    asOf: "2026-05-04T13:59:30Z",
    epochs: epochs.map(({ epoch }: { epoch: number }) => ({ epoch, candidate: arm(), stable: arm() })),
    ...more,
  };
}

const read = (value: unknown) => parseContractAnswer(JSON.stringify(value), QUESTION, FRESH, "warehouse");

describe("the contract", () => {
  test("an answer repeats the question, and adds what was counted", () => {
    expect(read(answer()).asOfMilliseconds).toBe(NOW - 30_000);
  });

  test.each([
    ["version", "petrel.dev/evidence/v2"],
    ["namespace", "test"],
    ["deployment", "other"],
    ["metric", "orders"],
    ["values", "Amount"],
    ["better", "Lower"],
    ["candidate", "ranker-4c1"],
    ["stable", "ranker-5d9"],
    ["maturesSeconds", 3_600],
  ])("refuses an answer with another %s", (member, value) => {
    expect(() => read(answer({ [member]: value }))).toThrow(`warehouse: ${member}: expected`);
  });

  test("refuses an answer without any one of its members, at any depth", () => {
    const paths = memberPaths(answer());
    expect(paths.length).toBe(26);
    for (const path of paths) {
      const torn = answer();
      remove(torn, path);
      expect(() => read(torn)).toThrow("warehouse");
    }
  });

  test.each([
    ["a member that is not known", answer({ asof: "2026-05-04T13:59:30Z" }), "expected only version"],
    ["an age that is no time", answer({ asOf: 1_777_900_000 }), "asOf: expected a time such as"],
    ["an age without a zone", answer({ asOf: "2026-05-04T13:59:30" }), "asOf: expected a time such as"],
    [
      "two epochs for one",
      answer({
        epochs: [
          { epoch: 17, candidate: arm(), stable: arm() },
          { epoch: 17, candidate: arm(), stable: arm() },
        ],
      }),
      "expected the 1 that were asked about, got",
    ],
    [
      "an epoch that is no number",
      answer({ epochs: [{ epoch: "17", candidate: arm(), stable: arm() }] }),
      "epochs[0].epoch: expected a number",
    ],
    [
      "too few groups",
      answer({
        epochs: [
          { epoch: 17, candidate: arm(), stable: { ...arm(), matured: { answers: [0], sums: zeros() } } },
        ],
      }),
      "epochs[0].stable.matured: expected answers to be a list of 128 numbers, got a list of 1",
    ],
    [
      "a group that is a text",
      answer({
        epochs: [
          {
            epoch: 17,
            candidate: arm(),
            stable: { ...arm(), arrived: { answers: ["1", ...zeros().slice(1)], sums: zeros() } },
          },
        ],
      }),
      "expected answers[0] to be a number, got string",
    ],
    ["a list", [answer()], "warehouse: expected an object, got a list"],
  ])("refuses %s", (_, value, message) => {
    expect(() => read(value)).toThrow(message);
  });

  test("the page about it has this question, and an answer to it", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/evidence.md"), "utf8");
    const [question = "", given = ""] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(
      ([, block = ""]) => block,
    );
    expect(JSON.parse(question)).toEqual(JSON.parse(questionText(QUESTION)));
    // 128 numbers would fill a page.
    const whole = given.replaceAll(/\[(\d+), \.\.\.\]/g, (_, first) =>
      JSON.stringify([Number(first), ...zeros().slice(1)]),
    );
    const { arrived, matured } = parseContractAnswer(whole, QUESTION, FRESH, "page");
    expect(arrived.map(({ answers, sums }) => [answers[0], sums[0]])).toEqual([
      [31, 2],
      [297, 14],
    ]);
    expect(matured.map(({ answers, sums }) => [answers[0], sums[0]])).toEqual([
      [20, 1],
      [190, 9],
    ]);
  });
});

describe("a question", () => {
  const [epoch] = QUESTION.epochs;
  if (epoch === undefined) throw new Error("expected an epoch");
  test.each<[what: string, more: Partial<EvidenceQuestion>, message: string]>([
    ["with a name that is none", { metric: "a b" }, 'expected metric to be a name, got "a b"'],
    ["about one revision", { candidate: "ranker-4c1" }, "expected two revisions, got one"],
    ["without a maturity", { maturesMilliseconds: 0 }, "expected a maturity above 0, got 0"],
    ["about nothing", { epochs: [] }, "expected 1 to 256 epochs, got 0"],
    [
      "about too much",
      { epochs: Array.from({ length: 257 }, (_, at) => ({ ...epoch, epoch: at })) },
      "got 257",
    ],
    [
      "about one epoch twice",
      { epochs: [epoch, epoch] },
      "expected ascending epochs from 0, got 17 after 17",
    ],
    [
      "about an epoch that ends before it begins",
      { epochs: [{ ...epoch, toMilliseconds: 1 }] },
      "expected epoch 17 to begin before it ends",
    ],
  ])("%s is not asked", (_, more, message) => {
    expect(() => requireQuestion({ ...QUESTION, ...more })).toThrow(message);
  });
});

describe("queries", () => {
  const queries = { answers: "a", sums: "b", maturedAnswers: "c", maturedSums: "d", ageSeconds: "e" };

  test("have the names of the question in the place of theirs", () => {
    const query =
      'x{namespace="$namespace",deployment="$deployment",revision=~"$candidate|$stable",epoch=~"$epochs"}';
    const epochs = [3, 17].map((number) => ({
      epoch: number,
      fromMilliseconds: 0,
      toMilliseconds: undefined,
    }));
    expect(queriesFor({ ...queries, sums: query }, { ...QUESTION, epochs }).sums).toBe(
      'x{namespace="shop",deployment="ranker",revision=~"ranker-5d9|ranker-4c1",epoch=~"3|17"}',
    );
  });

  test.each([
    ["$epoch", "expected only $namespace, $deployment, $candidate, $stable, $epochs, got $epoch"],
    [" ", "expected 1 to 16384 characters"],
    ["x".repeat(16_385), "expected 1 to 16384 characters, got 16385"],
  ])("refuses %j", (query, message) => {
    expect(() => queriesFor({ ...queries, maturedSums: query }, QUESTION)).toThrow(
      `query maturedSums: ${message}`,
    );
  });
});

describe("an answer of Prometheus", () => {
  const vector = (result: readonly object[], more: object = {}) =>
    JSON.stringify({ status: "success", data: { resultType: "vector", result }, ...more });
  const samples = (value = "0") =>
    ["candidate", "stable"].flatMap((name) =>
      zeros().map((_, group) => ({
        metric: { epoch: "17", arm: name, group: String(group) },
        value: [1, value],
      })),
    );
  const scalar = JSON.stringify({ status: "success", data: { resultType: "scalar", result: [1, "12.5"] } });
  const good = {
    answers: vector(samples("3")),
    sums: vector(samples("1")),
    maturedAnswers: vector(samples("2")),
    maturedSums: vector(samples("1")),
    ageSeconds: scalar,
  };
  const parsed = (more: Partial<typeof good> = {}) =>
    parsePrometheusAnswers({ ...good, ...more }, QUESTION, NOW, FRESH, "prometheus");

  test("is read, and its age is that of the time asked for", () => {
    const { arrived, asOfMilliseconds } = parsed();
    expect(arrived.map(({ epoch, arm: name, answers }) => [epoch, name, answers[127]])).toEqual([
      [17, "Candidate", 3],
      [17, "Stable", 3],
    ]);
    expect(asOfMilliseconds).toBe(NOW - 12_500);
  });

  const [first, ...rest] = samples();
  test.each<[what: string, answers: string, message: string]>([
    [
      "an error",
      JSON.stringify({ status: "error", error: "parse error" }),
      "expected success, got an error: parse error",
    ],
    [
      "a warning",
      vector(samples("3"), { warnings: ["partial response"] }),
      "expected an answer without warnings, got partial response",
    ],
    [
      "a range",
      JSON.stringify({ status: "success", data: { resultType: "matrix", result: [] } }),
      "expected an instant vector or a scalar, got matrix",
    ],
    ["nothing", vector([]), "17/Candidate: expected group 0, got none"],
    ["a group that is missing", vector(rest), "17/Candidate: expected group 0, got none"],
    [
      "a group that is there twice",
      vector([...samples(), ...samples().slice(0, 1)]),
      "17/Candidate: expected group 0 once, got it twice",
    ],
    [
      "a group beyond all",
      vector([{ ...first, metric: { epoch: "17", arm: "stable", group: "128" } }]),
      "17/Stable: expected a group from 0 to 127, got 128",
    ],
    [
      "another arm",
      vector([{ ...first, metric: { epoch: "17", arm: "shadow", group: "0" } }]),
      "expected epochs and arms that were asked about, got 17/shadow",
    ],
    [
      "a series without its labels",
      vector([{ ...first, metric: {} }]),
      "expected epochs and arms that were asked about, got undefined/undefined",
    ],
    ["a value that is none", vector([{ ...first, value: [1, "NaN"] }]), "expected a finite number, got NaN"],
    [
      "a value without an end",
      vector([{ ...first, value: [1, "+Inf"] }]),
      "expected a finite number, got +Inf",
    ],
  ])("is refused with %s", (_, answers, message) => {
    expect(() => parsed({ answers })).toThrow(`prometheus: answers: ${message}`);
  });

  test("is refused without one age", () => {
    expect(() => parsed({ ageSeconds: vector([]) })).toThrow(
      "prometheus: ageSeconds: expected one number, got 0",
    );
    expect(() => parsed({ ageSeconds: vector(samples()) })).toThrow("expected one number, got 256");
  });
});

/** The paths of all members that are no groups. */
function memberPaths(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    ...(Array.isArray(value) ? [] : [[...path, name]]),
    ...memberPaths(member, [...path, name]),
  ]);
}

function remove(value: unknown, [name = "", ...rest]: readonly string[]): void {
  if (typeof value !== "object" || value === null) return;
  if (rest.length === 0) Reflect.deleteProperty(value, name);
  else remove(Reflect.get(value, name), rest);
}
