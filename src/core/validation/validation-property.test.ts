/**
 * Whatever happens, and in whatever order: no revision is served by before its validation has passed, and an outcome that
 * is stored is never taken back.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { badReport, goodReport, VALIDATION } from "../../../test/fixtures/validations.ts";
import { model, World } from "../../../test/fixtures/world.ts";
import type { ValidationReport } from "../../api/validation-report.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 25);

type Step = (world: World, passed: Set<string>) => void;

/** The Job of the validation that goes on tells what its question asks for. */
function tell(world: World, passed: Set<string>, report: (isFirst: boolean) => ValidationReport): void {
  const { job = "", baseline, revision = "", outcome } = world.status.validation ?? {};
  const told = report(baseline === undefined);
  if (outcome !== undefined || !world.jobs.names.includes(job)) return;
  world.jobs.tell(job, { report: told });
  if (told.passed) passed.add(revision);
}

const steps: Readonly<Record<string, Step>> = {
  "the spec asks for v1": (world) => world.edit({ model: model("v1") }),
  "the spec asks for v2": (world) => world.edit({ model: model("v2") }),
  "the spec asks for v3": (world) => world.edit({ model: model("v3") }),
  "other settings": (world) =>
    world.edit({ validation: { ...VALIDATION, timeout: `${60 + world.jobs.names.length}m` } }),
  "a retry is asked for": (world) => world.retry(`at ${world.observation().nowMilliseconds}`),
  "scaled to zero": (world) => world.edit({ replicas: 0 }),
  "scaled to two": (world) => world.edit({ replicas: 2 }),
  "its validation passes": (world, passed) => tell(world, passed, goodReport),
  "its validation fails": (world, passed) =>
    tell(world, passed, (isFirst) => ({
      ...goodReport(isFirst),
      passed: false,
      checks: goodReport(isFirst).checks,
    })),
  "a threshold is not passed": (world, passed) =>
    tell(world, passed, (isFirst) => (isFirst ? { ...goodReport(true), passed: false } : badReport())),
  "its Job is deleted": (world) => {
    for (const name of world.jobs.names) world.jobs.delete(name);
  },
  "all goes well for a while": (world, passed) => {
    for (let look = 0; look < 4; look++) {
      tell(world, passed, goodReport);
      world.reconcile();
      for (const { name } of world.revisions) world.setReady(name);
      world.acknowledge();
    }
  },
  "an operator looks": (world) => {
    world.reconcile();
  },
  "all pods are ready": (world) => {
    for (const { name } of world.revisions) world.setReady(name);
  },
  "no pod is ready": (world) => {
    for (const { name } of world.revisions) world.setReady(name, 0);
  },
  "all routers acknowledge": (world) => world.acknowledge(),
  "a ControllerRevision is deleted": (world) => world.deleteRevision(world.status.revisions?.stable ?? ""),
};

function servedBy(world: World): readonly string[] {
  return (world.status.traffic?.arms ?? []).flatMap(({ pools }) => pools.map(({ revision }) => revision));
}

test("nobody is answered by a revision whose validation has not passed", () => {
  let served = 0;
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 10, maxLength: 40 }),
      (names) => {
        const world = new World({ validation: VALIDATION });
        const passed = new Set<string>();
        for (const name of names) {
          const before = world.status.validation;
          steps[name]?.(world, passed);
          world.reconcile();
          const revisions = servedBy(world);
          served += revisions.length;
          for (const revision of revisions) expect([...passed]).toContain(revision);
          for (const { revision, replicas } of world.servers) {
            if (replicas > 0) expect([...passed]).toContain(revision);
          }
          // Of the same question the same answer.
          const after = world.status.validation;
          if (before?.outcome !== undefined && after?.job === before.job) expect(after).toEqual(before);
        }
      },
    ),
    { numRuns },
  );
  // Otherwise all of it would hold for want of any traffic.
  expect(served).toBeGreaterThan(numRuns);
});
