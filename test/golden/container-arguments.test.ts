/**
 * The programs take the arguments that their containers are given in the golden pods: what is rendered in one place
 * is parsed in another.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Command } from "commander";
import { parse } from "yaml";
import { asList, asString, valueAt } from "../../src/api/json.ts";
import { ANNOTATION } from "../../src/api/names.ts";
import { collectCommand } from "../../src/collect/command.ts";
import { parseSettings as parseCollectSettings } from "../../src/collect/settings.ts";
import { evaluateCommand } from "../../src/evaluate/command.ts";
import { fetchCommand } from "../../src/fetch/command.ts";
import { probeCommand } from "../../src/probe/command.ts";
import { routerCommand } from "../../src/router/command.ts";
import { serveCommand } from "../../src/serve/command.ts";
import { sidecarCommand } from "../../src/sidecar/command.ts";
import { parseSettings } from "../../src/sidecar/settings.ts";
import { parseObservedFile } from "../../src/tap/observed-settings.ts";
import { TEST_SETTINGS } from "../fixtures/spec.ts";

const PROGRAMS: Readonly<Record<string, () => Command>> = {
  fetch: fetchCommand,
  serve: serveCommand,
  router: routerCommand,
  collect: collectCommand,
  sidecar: sidecarCommand,
  evaluate: evaluateCommand,
  probe: probeCommand,
};
const folder = join(import.meta.dirname, "kubernetes");
const ourImages: readonly unknown[] = [TEST_SETTINGS.image, TEST_SETTINGS.cudaImage];

/** What the kubelet puts in the place of variables. */
const POD_VARIABLES: Readonly<Record<string, string>> = {
  POD_NAMESPACE: "shop",
  POD_NAME: "petrel-router-1",
  POD_UID: "00000000-0000-4000-8000-000000000000",
  POD_IP: "10.0.0.1",
  NODE_NAME: "n1",
  ENVOY_MEMORY_BYTES: "1073741824",
};

/** Arguments of each container of ours in a golden file. */
function argumentsIn(file: string): readonly (readonly string[])[] {
  const pod = valueAt(parse(readFileSync(join(folder, file), "utf8")), "spec", "template", "spec");
  return ["initContainers", "containers"]
    .flatMap((list) => asList(valueAt(pod, list)))
    .filter((container) => ourImages.includes(valueAt(container, "image")))
    .map((container) => asList(valueAt(container, "args")).map(String));
}

/** Parses as the program does, and throws what it says of arguments that it does not take. */
function parseArguments([program = "", ...rest]: readonly string[]): void {
  const command = PROGRAMS[program]?.();
  if (command === undefined) throw new Error(`there is no program ${program}`);
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(() => {})
    .parse(
      rest.map((argument) => argument.replaceAll(/\$\((\w+)\)/g, (_, name) => POD_VARIABLES[name] ?? "")),
      { from: "user" },
    );
}

const files = readdirSync(folder).filter((file) => argumentsIn(file).length > 0);

test("all of these programs are among them", () => {
  const programs = new Set(files.flatMap(argumentsIn).map(([program]) => program));
  expect([...programs].sort()).toEqual(Object.keys(PROGRAMS).sort());
});

describe("arguments are taken:", () => {
  test.each(files)("%s", (file) => {
    for (const given of argumentsIn(file)) expect(() => parseArguments(given)).not.toThrow();
  });
});

function settingsIn(file: string): string {
  const template = valueAt(parse(readFileSync(join(folder, file), "utf8")), "spec", "template");
  return asString(valueAt(template, "metadata", "annotations", ANNOTATION.sidecarSettings)) ?? "";
}

test("the settings of a sidecar are what they were meant to be, for it and for the model server", () => {
  const text = settingsIn("model-servers-observed.yaml");
  const { observed, drift, trainingLog } = parseSettings(text);
  expect(observed).toMatchObject({
    columns: [
      { name: "score", from: "output", tensor: "score", column: 1, minimum: 0, maximum: 1 },
      { name: "age", from: "input", tensor: "features", column: 0, minimum: -Infinity, maximum: Infinity },
      { name: "price", from: "input", tensor: "features", column: 3, minimum: -0.5, maximum: 99.5 },
    ],
    userHeader: "x-user-id",
    featureTime: { header: "x-feature-time" },
  });
  expect(drift).toEqual({
    reference: { values: 5_000 },
    windowMilliseconds: 86_400_000,
    minimumValues: 1_000,
    falseAlarmDays: 30,
  });
  expect(trainingLog).toBeUndefined();
  expect(parseObservedFile(text)).toEqual(observed);
  expect(parseSettings(settingsIn("model-servers-observed-file.yaml"))).toMatchObject({
    observed: { columns: [{ name: "score" }], featureTime: { tensor: "made_at", column: 2 } },
    drift: { reference: { file: "/etc/petrel/drift/reference.ndjson" } },
  });
});

test("training logs are what they were meant to be, for the sidecar and for the collector", () => {
  const { observed, trainingLog } = parseSettings(settingsIn("model-servers-logged.yaml"));
  expect(observed.maximumRows).toBe(50);
  const files = "/etc/petrel/training-log";
  const common = {
    sample: 0.005,
    bytesPerMinute: 524_288,
    bucket: {
      name: "training",
      prefix: "shop/ranker",
      endpoint: "https://store.example:9000",
      region: "eu-1",
      credentials: `${files}/secrets/store-keys`,
      authorities: `${files}/configmaps/authorities/ca.crt`,
      proxy: { url: "http://proxy.example:3128", exceptions: [".svc"] },
    },
  };
  expect(trainingLog).toMatchObject({
    ...common,
    folder: "/var/lib/petrel-training-log",
    onlyWithToken: true,
    maximumWaitingBytes: 2_097_152,
    maximumFolderBytes: 67_108_864,
  });
  const secret = parse(readFileSync(join(folder, "collector-logging-secret.yaml"), "utf8"));
  const text = Buffer.from(asString(valueAt(secret, "data", "settings.json")) ?? "", "base64").toString();
  const [ranker, other, plain] = parseCollectSettings(text).deployments;
  expect(ranker?.log).toMatchObject({
    ...common,
    folder: "/var/lib/petrel/training-log/uid-1",
    maximumFolderBytes: 134_217_728,
    maximumWaitingBytes: 4_194_304,
    maximumFileBytes: 1_048_576,
  });
  expect(other?.log).toMatchObject({
    sample: 1,
    bytesPerMinute: 4_194_304,
    bucket: { prefix: "", roleArn: "arn:aws:iam::1:role/w", tokenService: "https://sts.example" },
  });
  expect(other?.log?.bucket?.tokenFile).toMatch(/^\/etc\/petrel\/training-log\/identities\/.+\/token$/);
  expect(plain?.log).toBeUndefined();
});

test("an argument that a program does not have is refused", () => {
  const [serve] = argumentsIn("model-servers.yaml").filter(([program]) => program === "serve");
  expect(() => parseArguments([...(serve ?? []), "--no-such"])).toThrow("unknown option '--no-such'");
});
