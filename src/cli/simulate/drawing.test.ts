import { expect, test } from "@jest/globals";
import { drawing } from "./drawing.ts";
import type { SimulatedBucket } from "./simulation.ts";

const bucket = (rate: number, ready: number, paid: number, violations: number): SimulatedBucket => ({
  ...{ rate, ready, paid, violations },
});
const DRAWN = {
  ...{ title: `<a> & "b"`, startMilliseconds: Date.UTC(2026, 0, 5, 12), seconds: 86_400 },
  buckets: [bucket(100, 5, 6, 0), bucket(180, 8, 10, 0.5)],
};

test("draws each series as steps over its time, up to a round number", () => {
  const paths = [...drawing(DRAWN).matchAll(/<path d="([^"]*)"/g)].map(([, path]) => path);
  // From 70 to 1,180 in two steps; 160 high, of 200 requests, 10 replicas and 60 %.
  expect(paths).toEqual([
    "M70 230V150H625V86H1180V230Z",
    "M70 434V338H625V274H1180V434Z",
    "M70 434V354H625V306H1180V434Z",
    "M70 638V638H625V504.7H1180V638Z",
  ]);
});

test("tells days, units and the title, which cannot break it", () => {
  const text = drawing(DRAWN);
  expect(text).toContain("<title>&lt;a&gt; &amp; &quot;b&quot;</title>");
  expect(text).toContain('<text x="625" y="246" text-anchor="middle" font-size="11">01-06</text>');
  for (const label of [">200<", ">10<", ">60 %<", "requests a second", "replicas", "waited too long"]) {
    expect(text).toContain(label);
  }
});

test("draws nothing of nothing, and few lines for many days", () => {
  const empty = { ...DRAWN, buckets: [bucket(0, 0, 0, 0)] };
  expect(drawing(empty)).not.toMatch(/NaN|Infinity/);
  const lines = drawing({ ...DRAWN, seconds: 35 * 86_400 }).match(/>\d\d-\d\d</g) ?? [];
  expect(lines.length).toBeLessThanOrEqual(3 * 17);
  expect(lines.length).toBeGreaterThan(0);
});
