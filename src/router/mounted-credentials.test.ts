import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { tlsCredentials } from "../api/credential.ts";
import { configurationLayout } from "../render/envoy/layout.ts";
import { CredentialDirectory } from "./mounted-credentials.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "petrel-credentials-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const [certificate, key] = tlsCredentials("ranker-tls") as [
  ReturnType<typeof tlsCredentials>[0] & object,
  ReturnType<typeof tlsCredentials>[0] & object,
];

/** Lays out files as the kubelet does: a new folder, and then one link is exchanged. */
function layOut(version: string, files: Readonly<Record<string, string>>): void {
  const folder = join(root, `..${version}`, "secrets", "ranker-tls");
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  symlinkSync(`..${version}`, join(root, "..data_tmp"));
  renameSync(join(root, "..data_tmp"), join(root, "..data"));
  if (version === "1") symlinkSync("..data/secrets", join(root, "secrets"));
}

test("reads what is there, and again only when it was exchanged", async () => {
  const directory = new CredentialDirectory([certificate, key], configurationLayout("/nowhere", root));
  expect(await directory.refresh()).toBe(false);
  expect(directory.read(certificate)).toBeUndefined();
  layOut("1", { "tls.crt": "first" });
  expect(await directory.refresh()).toBe(true);
  expect([directory.read(certificate), directory.read(key)]).toEqual(["first", undefined]);
  expect(await directory.refresh()).toBe(false);
  layOut("2", { "tls.crt": "second", "tls.key": "secret" });
  expect(await directory.refresh()).toBe(true);
  expect([directory.read(certificate), directory.read(key)]).toEqual(["second", "secret"]);
});

test("a pod without credentials looks for none", async () => {
  layOut("1", { "tls.crt": "first" });
  const directory = new CredentialDirectory([], configurationLayout("/nowhere", root));
  expect(await directory.refresh()).toBe(false);
  expect(directory.read(certificate)).toBeUndefined();
});
