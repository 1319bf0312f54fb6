/**
 * Detached signatures that the real openssl and the real cosign make, by the very command lines of the document and of
 * the example, verified by `petrel fetch`. Nothing of it may leave the machine: there is a public log of signatures.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { buildTools, runOrFail } from "../../e2e/cluster/index.ts";
import { digestOf, FetchFixture } from "../../src/fetch/testdata/fetch-fixture.ts";
import { type ProxyServer, startProxy } from "../../src/sources/testdata/proxy-server.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const DOCUMENT = read("docs/models.md");
const EXAMPLE = read("examples/s3-signed.yaml");

/** The commands of the block of the document that has this one. */
function documented(command: string): string {
  const blocks = [...DOCUMENT.matchAll(/```sh\n(.*?)```/gs)].map(([, text = ""]) => text);
  const found = blocks.filter((text) => text.includes(command));
  if (found.length !== 1)
    throw new Error(`expected one block of docs/models.md with ${command}, found ${found.length}`);
  return found.join("");
}

/** The command of the example's comment that begins so, with the lines that it goes on in, and without remarks. */
function exampleCommand(start: string): string {
  const lines = EXAMPLE.split("\n").map((line) => line.replace(/^# {1,3}/, "").replace(/\s+#.*$/, ""));
  const first = lines.findIndex((line) => line.startsWith(start));
  const last = lines.findIndex((line, index) => index >= first && !line.endsWith("\\"));
  return lines.slice(first, last + 1).join("\n");
}

interface Way {
  readonly commands: string;
  /** The public key that they leave. */
  readonly publicKey: string;
}

const WAYS: Readonly<Record<string, Way>> = {
  "openssl, as docs/models.md has it": { commands: documented("openssl dgst"), publicKey: "signing.pub" },
  "cosign, as docs/models.md has it": { commands: documented("cosign sign-blob"), publicKey: "cosign.pub" },
  "cosign, as examples/s3-signed.yaml has it": {
    commands: `cosign generate-key-pair\n${exampleCommand("cosign sign-blob")}`,
    publicKey: "cosign.pub",
  },
};

let cosign: string;
/** Every tool here takes it for the way out, so it sees whatever wants to leave this machine. */
let wayOut: ProxyServer;

beforeAll(async () => {
  cosign = (await buildTools(["cosign"], () => {})).program("cosign");
  wayOut = await startProxy({});
}, 2_400_000);

afterAll(async () => {
  await wayOut?.[Symbol.asyncDispose]();
});

async function runThere(folder: string, commands: string): Promise<void> {
  await runOrFail("sh", ["-ec", commands], {
    workingFolder: folder,
    // An empty password is one for cosign, which would otherwise ask a person.
    wholeEnvironment: {
      PATH: `${dirname(cosign)}:${process.env["PATH"]}`,
      HOME: folder,
      COSIGN_PASSWORD: "",
      HTTP_PROXY: wayOut.url,
      HTTPS_PROXY: wayOut.url,
    },
    timeoutMilliseconds: 60_000,
  });
}

describe.each(Object.entries(WAYS))("%s", (_name, { commands, publicKey }) => {
  test("signs what petrel fetch takes, and neither another file nor by another key", async () => {
    await using fixture = await FetchFixture.create();
    await fixture.write("model.onnx", "a model");
    const askedBefore = wayOut.requests.length;
    await runThere(fixture.folder, commands);
    expect(wayOut.requests).toHaveLength(askedBefore);
    const first = await fixture.write("first.pub", readFileSync(join(fixture.folder, publicKey)));
    const request = (model: string, publicKeyFile: string) => ({
      uri: "pvc://models/model.onnx",
      digest: digestOf(model),
      verification: { type: "DetachedSignature" as const, publicKeyFile, signatureUri: undefined },
    });
    await fixture.write("model.onnx", "another model");
    expect(await fixture.failure(request("another model", first))).toMatchObject({
      check: "Signature",
      message: expect.stringContaining("by another key or over other bytes"),
    });
    await fixture.write("model.onnx", "a model");
    await using other = await FetchFixture.create();
    await other.write("model.onnx", "a model");
    await runThere(other.folder, commands);
    const second = join(other.folder, publicKey);
    expect(await fixture.failure(request("a model", second))).toMatchObject({ check: "Signature" });
    await fixture.fetch(request("a model", first));
    expect(await fixture.files()).toEqual({ "model.onnx": "a model" });
  }, 120_000);
});

test("without the options that are documented, cosign makes no such signature, and would leave this machine", async () => {
  await using fixture = await FetchFixture.create();
  await fixture.write("model.onnx", "a model");
  await runThere(fixture.folder, "cosign generate-key-pair");
  const askedBefore = wayOut.requests.length;
  const plain = runThere(fixture.folder, "cosign sign-blob --key cosign.key --output-signature s model.onnx");
  await expect(plain).rejects.toThrow("must specify --bundle");
  const bundled = runThere(fixture.folder, "cosign sign-blob --key cosign.key --bundle s model.onnx");
  await expect(bundled).rejects.toThrow();
  expect(wayOut.requests.length).toBeGreaterThan(askedBefore);
});
