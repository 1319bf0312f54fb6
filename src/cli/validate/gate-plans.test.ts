/**
 * What is told of quality gates before any traffic: requests, time, and whether the deadline is out of reach.
 */
import { expect, test } from "@jest/globals";
import { CLICKS_AND_REVENUE, spec } from "../../../test/fixtures/spec.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { gatePlans, type StatedTraffic } from "./gate-plans.ts";

const TRAFFIC: StatedTraffic = { requestsPerSecond: 50, rate: 0.05, dispersion: 1 };
const HALF = [{ weight: "50%" }];

function planned(
  gates: NonNullable<ModelDeploymentSpec["rollout"]>["gates"],
  { steps = HALF, traffic = TRAFFIC }: { steps?: object[]; traffic?: StatedTraffic } = {},
) {
  const canary = Object({ steps });
  return gatePlans(
    spec({
      quality: CLICKS_AND_REVENUE,
      rollout: { strategy: { type: "Canary", canary }, ...(gates === undefined ? {} : { gates }) },
    }),
    traffic,
  );
}

const gate = (nonInferiorityMargin: string, more: object = {}) => ({
  name: "clicks",
  type: "Quality" as const,
  quality: { metric: "ctr", nonInferiorityMargin },
  ...more,
});

test("a margin within reach is only told", () => {
  const [plan, ...others] = planned([gate("10%")]);
  expect(others).toEqual([]);
  expect(plan).toMatchObject({ severity: "Note", check: "quality-plan" });
  expect(plan?.problem.path).toEqual(["spec", "rollout", "gates", 0]);
  // 110,000 requests at 50 a second are 37 minutes; then the last labels take 30.
  expect(plan?.problem.message).toMatch(
    /^gate clicks needs about 1\d\d,\d{3} requests to show that margin, so at 50 requests a second, 5 % of them with a success, the last step waits for 1h\dm after its minDuration$/,
  );
});

test("one that takes longer than the deadline is a warning, with what to do", () => {
  const [plan] = planned([gate("2%", { deadline: "4h" })]);
  expect(plan).toMatchObject({ severity: "Warning", check: "quality-out-of-reach" });
  expect(plan?.problem.message).toMatch(/ 2,\d{3},\d{3} requests .* longer than its deadline, 4h$/);
  expect(plan?.problem.remedy).toContain("raise nonInferiorityMargin");
  expect(planned([gate("2%")])[0]?.severity).toBe("Note");
  const heavy = { ...TRAFFIC, dispersion: 20 };
  expect(planned([gate("2%")], { traffic: heavy })[0]?.severity).toBe("Warning");
});

test("what earlier steps and the minDuration tell is not waited for again", () => {
  const steps = [
    { weight: "10%", minDuration: "1h" },
    { weight: "50%", minDuration: "2h" },
  ];
  const [plan] = planned([gate("10%", { deadline: "30m" })], { steps });
  expect(plan?.severity).toBe("Note");
  expect(plan?.problem.message).toContain("the last step waits for 30m after its minDuration");
  expect(planned([gate("10%", { deadline: "30m" })])[0]?.severity).toBe("Warning");
});

test("of amounts nothing can be told before there are some; gates of other types are passed over", () => {
  const amounts = { ...gate("10%"), quality: { metric: "revenue", nonInferiorityMargin: "10%" } };
  const hook = { name: "judge", type: "WebHook" as const, webHook: { url: "http://judge" } };
  const plans = planned([hook, amounts]);
  expect(plans.map(({ severity, problem }) => [severity, problem.path.at(-1)])).toEqual([["Note", 1]]);
  expect(plans[0]?.problem.message).toContain("once there are some");
  expect(planned(undefined)).toEqual([]);
  expect(gatePlans(spec(), TRAFFIC)).toEqual([]);
});

test("a gate that the holdback decides is told whether enough has matured before its end", () => {
  const spent = (holdback: { weight: string; for: string }, nonInferiorityMargin = "10%") =>
    gatePlans(
      spec({
        quality: CLICKS_AND_REVENUE,
        rollout: {
          strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "10m" }] } },
          gates: [gate(nonInferiorityMargin, { deadline: "1m" })],
          holdback,
        },
      }),
      TRAFFIC,
    ).map(({ severity, problem }) => [severity, problem.message.replace(/about [\d,]+/, "about N")]);
  const about = "gate clicks needs about N requests to show that margin";
  const at = "at 50 requests a second, 5 % of them with a success,";
  expect(spent({ weight: "5%", for: "24h" })).toEqual([
    ["Note", `${about}, which ${at} have come and matured before the end of the holdback`],
  ]);
  const short = `${about}, and ${at} fewer have matured at the end of the holdback: it then ends without having shown it`;
  expect(spent({ weight: "5%", for: "31m" })).toEqual([["Warning", short]]);
  expect(spent({ weight: "5%", for: "24h" }, "1%")).toEqual([["Warning", short]]);
});
