/**
 * One jest project for each tier of tests, from fast to real. `tools/test.ts` chooses the tier with
 * --selectProjects; nothing is selected by file name alone.
 */
const base = {
  rootDir: import.meta.dirname,
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "es6" } },
    ],
  },
};

export default {
  projects: [
    {
      ...base,
      displayName: "unit",
      testMatch: [
        "<rootDir>/src/**/*.test.ts",
        "<rootDir>/test/{architecture,properties,golden,contract,tools}/**/*.test.ts",
      ],
    },
    { ...base, displayName: "simulation", testMatch: ["<rootDir>/test/simulation/**/*.test.ts"] },
    { ...base, displayName: "apiserver", testMatch: ["<rootDir>/test/apiserver/**/*.test.ts"] },
    {
      ...base,
      displayName: "e2e",
      testMatch: ["<rootDir>/e2e/**/*.test.ts"],
      globalSetup: "<rootDir>/e2e/setup.ts",
      setupFilesAfterEnv: ["<rootDir>/e2e/time-limit.ts"],
      globalTeardown: "<rootDir>/e2e/teardown.ts",
    },
  ],
};
