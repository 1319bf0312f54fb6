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
  // From 70 to 1,180 in two steps; 160 high, of 200 requests, 10 replicas and 50 %.
  expect(paths).toEqual([
    "M70 210V130H625V66H1180V210Z",
    "M70 414V318H625V254H1180V414Z",
    "M70 414V334H625V286H1180V414Z",
    "M70 618V618H625V458H1180V618Z",
  ]);
});

test("tells days, units and the title, which cannot break it", () => {
  const text = drawing(DRAWN);
  expect(text).toContain("<title>&lt;a&gt; &amp; &quot;b&quot;</title>");
  expect(text).toContain('<text x="625" y="226" text-anchor="middle" font-size="11">01-06</text>');
  for (const label of [">200<", ">10<", ">50 %<", "requests a second", "replicas", "waited too long"]) {
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
