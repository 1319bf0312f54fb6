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

const onCluster = {
  globalSetup: "<rootDir>/e2e/setup.ts",
  setupFilesAfterEnv: ["<rootDir>/e2e/time-limit.ts"],
  globalTeardown: "<rootDir>/e2e/teardown.ts",
};

export default {
  // Far more than a test takes that says nothing else: a machine that is busy must not fail it.
  testTimeout: 30_000,
  projects: [
    {
      ...base,
      displayName: "unit",
      testEnvironment: "<rootDir>/test/native-arrays-environment.mjs",
      testMatch: [
        "<rootDir>/src/**/*.test.ts",
        "<rootDir>/test/{architecture,properties,golden,contract,tools}/**/*.test.ts",
        "<rootDir>/bench/**/*.test.ts",
      ],
      setupFilesAfterEnv: ["<rootDir>/test/properties/property-seed.ts"],
    },
    { ...base, displayName: "simulation", testMatch: ["<rootDir>/test/simulation/**/*.test.ts"] },
    { ...base, displayName: "apiserver", testMatch: ["<rootDir>/test/apiserver/**/*.test.ts"] },
    { ...base, ...onCluster, displayName: "e2e", testMatch: ["<rootDir>/e2e/*.test.ts"] },
    { ...base, ...onCluster, displayName: "releases", testMatch: ["<rootDir>/e2e/releases/*.test.ts"] },
  ],
};
