/**
 * Bundles that the real `model-signing` package makes, verified by `petrel fetch`: on every curve, of a folder and of
 * a file.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { signModel } from "../../e2e/cluster/index.ts";
import { digestOf, directoryDigest, FetchFixture } from "../../src/fetch/testdata/fetch-fixture.ts";

const FILES = { "1/model.onnx": "a model", "2/model.onnx": "another", "a b/été.txt": "text" };

/** A key pair as people make it. */
function newKey(folder: string, curve: string): { privateKey: string; publicKeyFile: string } {
  const privateKey = join(folder, `${curve}.pem`);
  const publicKeyFile = join(folder, `${curve}.pub`);
  execFileSync("openssl", ["ecparam", "-name", curve, "-genkey", "-noout", "-out", privateKey], {
    stdio: "ignore",
  });
  execFileSync("openssl", ["ec", "-in", privateKey, "-pubout", "-out", publicKeyFile], { stdio: "ignore" });
  return { privateKey, publicKeyFile };
}

test.each(["prime256v1", "secp384r1", "secp521r1"])(
  "a folder signed on %s verifies, and not after a change",
  async (curve) => {
    await using fixture = await FetchFixture.create();
    const { privateKey, publicKeyFile } = newKey(fixture.folder, curve);
    const folder = await fixture.writeAll("ranker", FILES);
    await signModel(folder, privateKey, join(folder, "model.sig"));
    const verification = { type: "ModelSigning" as const, publicKeyFile, signatureUri: undefined };
    const request = async () => {
      const uri = "pvc://models/ranker";
      return { uri, digest: directoryDigest(await fixture.files(folder)), verification };
    };
    await fixture.fetch(await request());
    expect(Object.keys(await fixture.files()).sort()).toEqual([...Object.keys(FILES), "model.sig"].sort());
    writeFileSync(join(folder, "2/model.onnx"), "changed");
    expect(await fixture.failure(await request())).toMatchObject({ check: "Signature" });
  },
  300_000,
);

test("a file that is signed alone verifies", async () => {
  await using fixture = await FetchFixture.create();
  const { privateKey, publicKeyFile } = newKey(fixture.folder, "prime256v1");
  const path = await fixture.write("m.onnx", "a model");
  await signModel(path, privateKey, `${path}.sig`);
  const verification = { type: "ModelSigning" as const, publicKeyFile, signatureUri: undefined };
  await fixture.fetch({ uri: "pvc://models/m.onnx", digest: digestOf("a model"), verification });
  expect(await fixture.files()).toEqual({ "model.onnx": "a model" });
}, 300_000);
