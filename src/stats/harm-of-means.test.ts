import { expect, test } from "@jest/globals";
import { logMeanEvidence } from "./harm-of-means.ts";

test.each([
  [-0.3, 0.01, 3.579280374107495],
  [0.2, 0.01, -2.025951800126075],
  [0, 0.02, -0.7085330098933221],
  [-0.6, 0.002, 86.16569048452044],
  [3, 0.001, -6.845977416221948],
  [-0.04839784021100231, 0.001399565716753739, -0.5047156420177289],
])("an effect of %p with variance %p, as computed with mpmath", (effect, variance, logEvidence) => {
  expect(logMeanEvidence(effect, variance, 0.25)).toBeCloseTo(logEvidence, 10);
});

test("a normal effect without harm makes a fair bet: the mean of E is 1", () => {
  for (const variance of [0.001, 0.02, 0.3]) {
    let mean = 0;
    for (let z = -60; z <= 60; z += 0.01) {
      const logDensity = -(z * z) / 2 - Math.log(2 * Math.PI) / 2;
      mean += 0.01 * Math.exp(logDensity + logMeanEvidence(z * Math.sqrt(variance), variance, 0.25));
    }
    expect(mean).toBeCloseTo(1, 3);
  }
});
