import { describe, expect, test } from "@jest/globals";
import { type Contents, isAtRest, newSharedFile, type SharedFile, stepSharedFile } from "./shared-file.ts";

function contents(...owners: readonly string[]): Contents {
  return new Map(
    owners.map((owner) => [owner.slice(0, 1), { hash: owner, resources: [{ "@type": owner }] }]),
  );
}

/** Brings a file to rest with these contents accepted. */
function settled(wanted: Contents): SharedFile {
  const { state, file } = stepSharedFile(newSharedFile(), wanted, undefined, 0);
  return stepSharedFile(state, wanted, { version: file.version, refusals: 0 }, 1).state;
}

test("a file that Envoy took is at rest, and holds what was wanted", () => {
  const state = settled(contents("a1", "b1"));
  expect(isAtRest(state)).toBe(true);
  expect([...state.accepted.keys()]).toEqual(["a", "b"]);
});

test("while a file is being tried, newer wishes wait", () => {
  const start = settled(contents("a1"));
  const report = { version: start.file?.version ?? "", refusals: 0 };
  const first = stepSharedFile(start, contents("a2"), report, 10);
  expect(first.state.trial?.owners).toEqual(["a"]);
  const second = stepSharedFile(first.state, contents("a3"), report, 20);
  expect(second.file).toEqual(first.file);
});

describe("a refusal", () => {
  test("of one change names its owner, and the file goes back", () => {
    const start = settled(contents("a1", "b1"));
    const before = stepSharedFile(start, contents("a1", "b1"), undefined, 5).file;
    const trial = stepSharedFile(start, contents("a1", "b2"), { version: before.version, refusals: 7 }, 10);
    expect(trial.file.version).not.toBe(before.version);
    const judged = stepSharedFile(
      trial.state,
      contents("a1", "b2"),
      { version: before.version, refusals: 8 },
      20,
    );
    expect(judged.refused).toBe("b");
    expect(judged.file).toEqual(before);
  });

  test("of many changes is followed by trials of half as many", () => {
    const wanted = contents("a2", "b2", "c2", "d2");
    const start = settled(contents("a1", "b1", "c1", "d1"));
    const version = start.file?.version ?? "";
    const trial = stepSharedFile(start, wanted, { version, refusals: 0 }, 10);
    expect(trial.state.trial?.owners).toEqual(["a", "b", "c", "d"]);
    const judged = stepSharedFile(trial.state, wanted, { version, refusals: 1 }, 20);
    expect(judged.refused).toBeUndefined();
    expect(judged.state.trial?.owners).toEqual(["a", "b"]);
  });

  test("that was counted before the trial is none of it", () => {
    const start = settled(contents("a1"));
    const report = { version: start.file?.version ?? "", refusals: 3 };
    const trial = stepSharedFile(start, contents("a2"), report, 10);
    const later = stepSharedFile(trial.state, contents("a2"), report, 20);
    expect(later.state.trial).toBeDefined();
    expect(later.refused).toBeUndefined();
  });

  test("is not held against what its owner wants by now", () => {
    const start = settled(contents("a1"));
    const version = start.file?.version ?? "";
    const trial = stepSharedFile(start, contents("a2"), { version, refusals: 0 }, 10);
    const judged = stepSharedFile(trial.state, contents("a3"), { version, refusals: 1 }, 20);
    expect(judged.refused).toBeUndefined();
    expect(judged.state.trial?.contents.get("a")?.hash).toBe("a3");
  });

  test("by an Envoy that has started anew, with a smaller count, is seen", () => {
    const start = settled(contents("a1"));
    const version = start.file?.version ?? "";
    const trial = stepSharedFile(start, contents("a2"), { version, refusals: 3 }, 10);
    const judged = stepSharedFile(trial.state, contents("a2"), { version: "", refusals: 1 }, 20);
    expect(judged.refused).toBe("a");
  });
});

describe("an Envoy that starts anew", () => {
  const start = settled(contents("a1", "b1"));
  const accepted = start.file?.version ?? "";
  const wanted = contents("a2", "b2");
  const trial = stepSharedFile(start, wanted, { version: accepted, refusals: 0 }, 10);

  test("gets what was accepted before anything is tried on it, and the rest after", () => {
    const restored = stepSharedFile(trial.state, wanted, { version: "", refusals: 1 }, 20);
    expect(restored.file.version).toBe(accepted);
    const next = stepSharedFile(restored.state, wanted, { version: accepted, refusals: 1 }, 30);
    expect(next.state.trial?.owners).toEqual(["a"]);
  });

  test("and cannot take what was accepted any more gets what is wanted", () => {
    const restored = stepSharedFile(trial.state, wanted, { version: "", refusals: 1 }, 20);
    const next = stepSharedFile(restored.state, wanted, { version: "", refusals: 2 }, 30);
    expect(next.state.trial?.owners).toEqual(["a"]);
  });

  test("finds what was accepted, and nobody is blamed", () => {
    const away = stepSharedFile(trial.state, wanted, undefined, 20);
    expect([away.file.version, away.refused]).toEqual([accepted, undefined]);
    const later = stepSharedFile(away.state, wanted, undefined, 30_000);
    expect(later.file.version).toBe(accepted);
  });

  test("after however long gets all changes at once, when none was being tried", () => {
    const restarted = stepSharedFile(newSharedFile(start.accepted), wanted, undefined, 0);
    const away = stepSharedFile(restarted.state, wanted, undefined, 60_000);
    const back = stepSharedFile(away.state, wanted, { version: accepted, refusals: 0 }, 60_100);
    expect(back.state.trial?.owners).toEqual(["a", "b"]);
  });
});

test("nothing new is tried while Envoy is away", () => {
  const start = settled(contents("a1"));
  const step = stepSharedFile(start, contents("a2"), undefined, 10);
  expect([step.file, step.state.trial]).toEqual([start.file, undefined]);
});

test("a file that Envoy says nothing of is put in place again, as a new one", () => {
  const start = settled(contents("a1"));
  const report = { version: start.file?.version ?? "", refusals: 0 };
  const trial = stepSharedFile(start, contents("a2"), report, 10);
  expect(stepSharedFile(trial.state, contents("a2"), report, 3_009).file).toEqual(trial.file);
  const again = stepSharedFile(trial.state, contents("a2"), report, 3_010);
  expect(again.file.version).not.toBe(trial.file.version);
});

test("an Envoy that has another version than the accepted one gets the file again", () => {
  const state = settled(contents("a1"));
  const { state: next } = stepSharedFile(state, contents("a1"), { version: "other", refusals: 0 }, 10);
  expect(isAtRest(next)).toBe(false);
});
