/**
 * Whole fetches of directories, from mounts, and with signatures: the right ones in place, the wrong ones never.
 */
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { startObjectStore } from "../sources/testdata/object-store.ts";
import { sourceSettings } from "../sources/testdata/settings.ts";
import { digestOf, directoryDigest, FetchFixture, manifestOf, newSigner } from "./testdata/fetch-fixture.ts";
import { zipArchive } from "./testdata/zip-archive.ts";
import type { Verification } from "./verify-signature.ts";

jest.setTimeout(60_000);

const FILES = { "1/model.onnx": "a model", "2/model.onnx": "another", "about.txt": "text" };
const DIGEST = directoryDigest(FILES);
const IMAGE = `oci://registry.example/ranker@sha256:${"0".repeat(64)}`;

describe("a directory", () => {
  test("comes as a whole, and is kept without a look at the source while it verifies", async () => {
    await using fixture = await FetchFixture.create();
    await fixture.writeAll("ranker", FILES);
    const request = { uri: "pvc://models/ranker", digest: DIGEST };
    expect(await fixture.fetch(request)).toEqual({ type: "Downloaded", sizeBytes: 18, digest: DIGEST });
    expect(await fixture.files()).toEqual(FILES);
    await fixture.write("ranker/about.txt", "changed at the source");
    expect(await fixture.fetch(request)).toMatchObject({ type: "Kept" });
  });

  test("of another model is replaced, as a single file is by a directory", async () => {
    await using fixture = await FetchFixture.create();
    await fixture.writeAll("ranker", FILES);
    await fixture.fetch({ uri: "pvc://models/ranker/about.txt", digest: digestOf("text") });
    await fixture.fetch({ uri: "pvc://models/ranker", digest: DIGEST });
    expect(await fixture.files()).toEqual(FILES);
    await fixture.fetch({ uri: "pvc://models/ranker/about.txt", digest: digestOf("text") });
    expect(await fixture.files()).toEqual({ "model.onnx": "text" });
  });

  test("from a store comes object by object", async () => {
    await using fixture = await FetchFixture.create();
    const objects = Object.entries(FILES).map(([path, text]) => [`v1/${path}`, Buffer.from(text)] as const);
    await using store = await startObjectStore(new Map(objects));
    const settings = sourceSettings({ s3: store.access });
    await fixture.fetch({ uri: "s3://bucket/v1", digest: DIGEST }, { settings });
    expect(await fixture.files()).toEqual(FILES);
  });

  test.each([
    ["with another file", { ...FILES, "more.txt": "unknown" }],
    ["without one of the files", { "1/model.onnx": "a model", "2/model.onnx": "another" }],
    ["with another text", { ...FILES, "about.txt": "tex7" }],
    ["with another name", { "1/model.onnx": "a model", "2/model.onnx": "another", "About.txt": "text" }],
  ])("%s has another digest", async (_what, files) => {
    await using fixture = await FetchFixture.create();
    await fixture.writeAll("ranker", files);
    const failure = await fixture.failure({ uri: "pvc://models/ranker", digest: DIGEST });
    expect(failure).toMatchObject({ check: "Digest", expected: DIGEST, found: directoryDigest(files) });
  });

  test("that is too large in all is refused before its first byte", async () => {
    await using fixture = await FetchFixture.create();
    await fixture.writeAll("ranker", FILES);
    const failure = await fixture.failure({ uri: "pvc://models/ranker", digest: DIGEST, maxBytes: 17 });
    expect(failure).toMatchObject({ check: "Size", expected: "at most 17 bytes", found: "18 bytes" });
  });

  test.each([
    ["a key that leads out of it", "v1/../escaped", "a path with .."],
    ["a key with an empty part", "v1//model.onnx", "an absolute path"],
  ])("in a store with %s is refused", async (_what, key, found) => {
    await using fixture = await FetchFixture.create();
    await using store = await startObjectStore(new Map([[key, Buffer.from("x")]]));
    const settings = sourceSettings({ s3: store.access });
    const failure = await fixture.failure({ uri: "s3://bucket/v1", digest: DIGEST }, { settings });
    expect(failure).toMatchObject({ check: "Source", found: expect.stringContaining(found) });
  });

  test.each([
    ["a link out of the claim", "pvc://models/out", "one that leads out of it"],
    ["a directory with a link out of it", "pvc://models/ranker", "one that leads out of it"],
    ["dots that are encoded", "pvc://models/ranker/%2e%2e%2f%2e%2e%2fetc/passwd", "one that leads out of it"],
    ["nothing", "pvc://models/none", "ENOENT"],
  ])("a claim with %s is refused", async (_what, uri, found) => {
    await using fixture = await FetchFixture.create();
    await fixture.writeAll("ranker", FILES);
    await symlink("/etc/passwd", join(fixture.folder, "ranker/passwd"));
    await symlink("/etc/passwd", join(fixture.folder, "out"));
    const failure = await fixture.failure({ uri, digest: DIGEST });
    expect(failure).toMatchObject({ check: "Source", found, terminal: true });
  });
});

describe("a mounted image", () => {
  async function mounted(files: Readonly<Record<string, string>>) {
    const fixture = await FetchFixture.create();
    const imageFolder = await fixture.writeAll("image", files);
    return { fixture, settings: sourceSettings({ imageFolder }) };
  }

  test("is verified where it is, and nothing is copied", async () => {
    const { fixture, settings } = await mounted(FILES);
    await using _ = fixture;
    const request = { uri: IMAGE, digest: undefined };
    expect(await fixture.fetch(request, { settings })).toEqual({
      type: "Mounted",
      sizeBytes: 18,
      digest: DIGEST,
    });
    expect(await fixture.fetch({ ...request, digest: DIGEST }, { settings })).toMatchObject({
      type: "Mounted",
    });
    expect(await fixture.files(fixture.volume)).toEqual({});
  });

  test("with another digest than the one that was given fails", async () => {
    const { fixture, settings } = await mounted({ ...FILES, "more.txt": "" });
    await using _ = fixture;
    const failure = await fixture.failure({ uri: IMAGE, digest: DIGEST }, { settings });
    expect(failure).toMatchObject({ check: "Digest", expected: DIGEST });
  });

  test("that the cluster does not mount says which clusters do", async () => {
    await using fixture = await FetchFixture.create();
    const settings = sourceSettings({ imageFolder: join(fixture.folder, "nowhere") });
    const failure = await fixture.failure({ uri: IMAGE, digest: undefined }, { settings });
    expect(failure).toMatchObject({ check: "Source", found: "no volume", terminal: true });
    expect(failure.message).toContain("Kubernetes 1.35");
  });

  test("without files, or too large, or not pinned, fails", async () => {
    const { fixture, settings } = await mounted(FILES);
    await using _ = fixture;
    const request = { uri: IMAGE, digest: undefined };
    expect(await fixture.failure({ ...request, maxBytes: 17 }, { settings })).toMatchObject({
      check: "Size",
    });
    const tag = { uri: "oci://registry.example/ranker:latest", digest: undefined };
    expect((await fixture.failure(tag, { settings })).message).toContain("pinned by its digest");
    await mkdir(join(fixture.folder, "empty"));
    const empty = sourceSettings({ imageFolder: join(fixture.folder, "empty") });
    expect(await fixture.failure(request, { settings: empty })).toMatchObject({ found: "none" });
  });
});

describe("a detached signature", () => {
  const signer = newSigner();

  async function signed(verification: Partial<Verification> = {}, publicPem = signer.publicPem) {
    const fixture = await FetchFixture.create();
    const publicKeyFile = await fixture.write("key.pub", publicPem);
    const type = "DetachedSignature" as const;
    return { fixture, verification: { type, publicKeyFile, signatureUri: undefined, ...verification } };
  }

  test.each([
    ["binary, as openssl writes it", (signature: Buffer) => signature],
    ["base64, as cosign writes it", (signature: Buffer) => `${signature.toString("base64")}\n`],
  ])("of a file is found beside it: %s", async (_what, written) => {
    const { fixture, verification } = await signed();
    await using _ = fixture;
    await fixture.write("m.onnx", "a model");
    await fixture.write("m.onnx.sig", written(signer.sign("a model")));
    const request = { uri: "pvc://models/m.onnx", digest: digestOf("a model"), verification };
    await fixture.fetch(request);
    expect(await fixture.files()).toEqual({ "model.onnx": "a model" });
  });

  test("of a directory is over the manifest of all other files, and an image's is the same", async () => {
    const { fixture, verification } = await signed();
    await using _ = fixture;
    const signature = signer.sign(manifestOf(FILES));
    const imageFolder = await fixture.writeAll("ranker", { ...FILES, "model.sig": signature });
    const digest = directoryDigest({ ...FILES, "model.sig": signature });
    await fixture.fetch({ uri: "pvc://models/ranker/", digest, verification });
    expect(Object.keys(await fixture.files()).sort()).toEqual([...Object.keys(FILES), "model.sig"].sort());
    const settings = sourceSettings({ imageFolder });
    const image = { uri: IMAGE, digest: undefined, verification };
    expect(await fixture.fetch(image, { settings })).toMatchObject({ type: "Mounted" });
  });

  test("of an archive is over the archive, and its place may be given", async () => {
    const { fixture, verification } = await signed({ signatureUri: "pvc://models/signatures/1" });
    await using _ = fixture;
    const archive = zipArchive([{ name: "model.onnx", content: "a model" }]);
    await fixture.write("m.zip", archive);
    await fixture.write("signatures/1", signer.sign(archive));
    const uri = "pvc://models/m.zip";
    await fixture.fetch({ uri, digest: digestOf(archive), archive: "Zip", verification });
    expect(await fixture.files()).toEqual({ "model.onnx": "a model" });
  });

  test("by any of several keys is enough, on every curve", async () => {
    const other = newSigner("secp384r1", "sha384");
    const { fixture, verification } = await signed({}, `${signer.publicPem}${other.publicPem}`);
    await using _ = fixture;
    await fixture.write("m", "a model");
    await fixture.write("m.sig", other.sign("a model"));
    await fixture.fetch({ uri: "pvc://models/m", digest: digestOf("a model"), verification });
    expect(await fixture.files()).toEqual({ "model.onnx": "a model" });
  });

  test.each([
    ["by another key", newSigner().sign("a model"), "by another key or over other bytes"],
    ["over other bytes", signer.sign("another model"), "by another key or over other bytes"],
    ["that is none", "no signature", "by another key or over other bytes"],
    ["that is too long to be one", "x".repeat(20_000), "at most 16384 bytes"],
  ])("%s fails, and the model is not there", async (_what, signature, message) => {
    const { fixture, verification } = await signed();
    await using _ = fixture;
    await fixture.write("m", "a model");
    await fixture.write("m.sig", signature);
    const failure = await fixture.failure({
      uri: "pvc://models/m",
      digest: digestOf("a model"),
      verification,
    });
    expect(failure.message).toContain(message);
    expect(["Signature", "Size"]).toContain(failure.check);
    expect(failure.terminal).toBe(true);
  });

  test("that is missing fails, and the model that was there before is gone", async () => {
    const { fixture, verification } = await signed();
    await using _ = fixture;
    await fixture.write("m", "a model");
    const request = { uri: "pvc://models/m", digest: digestOf("a model") };
    await fixture.fetch(request);
    const failure = await fixture.failure({ ...request, verification });
    expect(failure).toMatchObject({ check: "Source", found: "ENOENT" });
  });

  test.each([
    ["is missing", "", "found nothing"],
    ["is no key", "hello", "found 0 PEM blocks"],
    [
      "is a private key",
      "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
      "a block PRIVATE KEY",
    ],
    ["is broken", "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----", "a block that holds none"],
    ["is on a weak curve", newSigner("secp224r1").publicPem, "found ec secp224r1"],
  ])("with a key that %s fails", async (_what, pem, message) => {
    const { fixture, verification } = await signed({}, pem);
    await using _ = fixture;
    await fixture.write("m", "a model");
    await fixture.write("m.sig", signer.sign("a model"));
    const failure = await fixture.failure({
      uri: "pvc://models/m",
      digest: digestOf("a model"),
      verification,
    });
    expect(failure).toMatchObject({ check: "Settings" });
    expect(failure.message).toContain(message);
  });
});

describe("a bundle of Model Signing", () => {
  const testdata = join(import.meta.dirname, "testdata");

  async function signedModel(
    change: (files: Record<string, string>) => void = () => {},
    key = "signing.pub",
  ) {
    const fixture = await FetchFixture.create();
    const files: Record<string, string> = {};
    for (const path of ["1/model.onnx", "about.txt", "model.sig"]) {
      files[path] = await readFile(join(testdata, "signed-model", path), "utf8");
    }
    change(files);
    await fixture.writeAll("ranker", files);
    const publicKeyFile = join(testdata, key);
    const verification = { type: "ModelSigning" as const, publicKeyFile, signatureUri: undefined };
    return {
      fixture,
      files,
      request: { uri: "pvc://models/ranker", digest: directoryDigest(files), verification },
    };
  }

  test("verifies the directory that it lies in", async () => {
    const { fixture, files, request } = await signedModel();
    await using _ = fixture;
    await fixture.fetch(request);
    expect(await fixture.files()).toEqual(files);
  });

  test("verifies what an archive holds, and a single file", async () => {
    const { fixture, files, request } = await signedModel();
    await using _ = fixture;
    const signatureUri = "pvc://models/ranker/model.sig";
    const content = Object.entries(files).filter(([path]) => path !== "model.sig");
    const archive = zipArchive(content.map(([name, text]) => ({ name, content: text })));
    await fixture.write("m.zip", archive);
    const verification = { ...request.verification, signatureUri };
    const packed = {
      uri: "pvc://models/m.zip",
      digest: digestOf(archive),
      archive: "Zip" as const,
      verification,
    };
    await fixture.fetch(packed);
    expect(await fixture.files()).toEqual(Object.fromEntries(content));

    await fixture.write("m.onnx", "a model\n");
    await fixture.write("m.onnx.sig", await readFile(join(testdata, "single-file.sig")));
    const single = { ...request, uri: "pvc://models/m.onnx", digest: digestOf("a model\n") };
    await fixture.fetch(single);
    expect(await fixture.files()).toEqual({ "model.onnx": "a model\n" });
  });

  test.each<[string, (files: Record<string, string>) => void, string]>([
    ["another text", (files) => (files["about.txt"] = "changed"), 'expected "about.txt" with sha256:'],
    [
      "a file that is not signed",
      (files) => (files["2/model.onnx"] = "x"),
      'no signature over "2/model.onnx"',
    ],
    [
      "an ignored file that is not signed",
      (files) => (files[".gitignore"] = "x"),
      'no signature over ".gitignore"',
    ],
    ["a signed file that is missing", (files) => delete files["about.txt"], 'found no file "about.txt"'],
    ["a bundle that is none", (files) => (files["model.sig"] = "{}"), "found no Sigstore bundle"],
    [
      "a statement that was changed",
      (files) => {
        const bundle = JSON.parse(files["model.sig"] ?? "");
        const statement = Buffer.from(bundle.dsseEnvelope.payload, "base64").toString();
        const payload = Buffer.from(statement.replace("about.txt", "About.txt")).toString("base64");
        files["model.sig"] = JSON.stringify({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, payload } });
      },
      "a signature by another key or over other bytes",
    ],
  ])("fails with %s", async (_what, change, message) => {
    const { fixture, request } = await signedModel(change);
    await using _ = fixture;
    const failure = await fixture.failure(request);
    expect(failure).toMatchObject({ check: "Signature", terminal: true });
    expect(failure.message).toContain(message);
  });

  test("fails with another key", async () => {
    const { fixture, request } = await signedModel(() => {}, "other.pub");
    await using _ = fixture;
    expect(await fixture.failure(request)).toMatchObject({ check: "Signature" });
  });
});
