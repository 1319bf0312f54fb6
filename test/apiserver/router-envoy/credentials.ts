/**
 * Secrets and ConfigMaps as the kubelet lays them out in a pod, and the keys of a small world: authorities,
 * certificates, tokens. Made by openssl(1) and gone with their folder.
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runOrFail } from "../../../e2e/cluster/command.ts";

/** A certificate and its private key, in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** The folder that the kubelet keeps for one pod. */
export class KubeletFolder {
  readonly path: string;
  #version = 0;
  #files: Readonly<Record<string, string>> = {};

  private constructor(path: string) {
    this.path = path;
  }

  /** An empty one. */
  static async create(): Promise<KubeletFolder> {
    const folder = new KubeletFolder(await mkdtemp(join(tmpdir(), "petrel-kubelet-")));
    await symlink("..data/secrets", join(folder.path, "secrets"));
    await symlink("..data/configmaps", join(folder.path, "configmaps"));
    await folder.change({});
    return folder;
  }

  /** Exchanges all content at once; `undefined` takes a file away. */
  async change(files: Readonly<Record<string, string | undefined>>): Promise<void> {
    const merged = Object.entries({ ...this.#files, ...files });
    this.#files = Object.fromEntries(
      merged.flatMap(([path, text]) => (text === undefined ? [] : [[path, text]])),
    );
    this.#version += 1;
    const name = `..version_${this.#version}`;
    await mkdir(join(this.path, name), { recursive: true });
    for (const [path, text] of Object.entries(this.#files)) {
      await mkdir(dirname(join(this.path, name, path)), { recursive: true });
      await writeFile(join(this.path, name, path), text);
    }
    await symlink(name, join(this.path, "..data_tmp"));
    await rename(join(this.path, "..data_tmp"), join(this.path, "..data"));
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

/** A certificate authority and what it signs. */
export class Authority {
  readonly #directory: string;
  #count = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), "petrel-authority-")));
    const files = ["-keyout", authority.#path("ca.key"), "-out", authority.#path("ca.crt")];
    await newCertificate("-subj", "/CN=authority", ...files);
    return authority;
  }

  /** Its own certificate. */
  certificate(): Promise<string> {
    return readFile(this.#path("ca.crt"), "utf8");
  }

  /** Signs a certificate for a name. */
  async sign(commonName: string): Promise<Certificate> {
    this.#count += 1;
    const [key, certificate] = [this.#path(`${this.#count}.key`), this.#path(`${this.#count}.crt`)];
    await newCertificate(
      ...["-CA", this.#path("ca.crt"), "-CAkey", this.#path("ca.key"), "-subj", `/CN=${commonName}`],
      ...["-addext", `subjectAltName=DNS:${commonName}`, "-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", key, "-out", certificate],
    );
    return { certificate: await readFile(certificate, "utf8"), key: await readFile(key, "utf8") };
  }

  remove(): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

function newCertificate(...args: readonly string[]): Promise<unknown> {
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  return runOrFail("openssl", ["req", "-x509", "-days", "2", "-nodes", ...newKey, ...args]);
}

/** Who makes tokens. */
export class TokenIssuer {
  readonly #privateKey: KeyObject;
  readonly #keyId: string;
  /** Its public keys, as a JSON Web Key Set. */
  readonly keySet: string;

  constructor(keyId: string) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#privateKey = privateKey;
    this.#keyId = keyId;
    const key = { ...publicKey.export({ format: "jwk" }), kid: keyId, alg: "ES256", use: "sig" };
    this.keySet = JSON.stringify({ keys: [key] });
  }

  /** A token with these claims beside the usual ones; `undefined` takes one away. */
  token(claims: Readonly<Record<string, unknown>> = {}): string {
    const seconds = Math.floor(Date.now() / 1000);
    const usual = { iss: "https://issuer.example", aud: "ranker", exp: seconds + 600 };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "ES256", kid: this.#keyId, typ: "JWT" })}.${part({ ...usual, ...claims })}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.#privateKey, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }
}
