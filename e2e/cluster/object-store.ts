/**
 * A real S3 store (MinIO) for tests, over TLS with an authority of its own, in a folder that is given.
 */
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { AwsV4Signer } from "aws4fetch";
import type { Progress } from "./contract.ts";
import { issue } from "./pki.ts";
import { untilReady } from "./processes.ts";
import { buildTools } from "./toolchain/build.ts";

/** Keys with all rights. */
export const OBJECT_STORE_KEYS = {
  accessKeyId: "petrel-tests",
  secretAccessKey: "petrel-tests-secret",
} as const;

/** Where and how a store is started. */
export interface ObjectStoreOptions {
  /** For data and certificates. */
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  /** More settings of MinIO, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Starts the command where `address` is. */
  readonly spawn: (command: readonly string[]) => ChildProcess;
  readonly progress?: Progress;
}

/** A running store. */
export interface ObjectStore {
  /** `https://ADDRESS:PORT`. */
  readonly endpoint: string;
  /** The authority that vouches for it, in PEM form. */
  readonly authority: string;
  makeBucket(bucket: string): Promise<void>;
  put(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  /** SIGKILL. */
  stop(): void;
}

/** Starts a store; resolves when it answers. */
export async function startObjectStore(options: ObjectStoreOptions): Promise<ObjectStore> {
  const { address, environment = {}, folder, port, progress = () => {} } = options;
  const tools = await buildTools(["minio"], progress);
  const authority = await issue(folder, "store-authority", { commonName: "store-authority" });
  const serving = await issue(folder, "store", { commonName: "store", hosts: [address] }, authority);
  const certificates = join(folder, "certificates");
  mkdirSync(certificates, { recursive: true });
  copyFileSync(serving.certificate, join(certificates, "public.crt"));
  copyFileSync(serving.key, join(certificates, "private.key"));
  const settings = {
    MINIO_ROOT_USER: OBJECT_STORE_KEYS.accessKeyId,
    MINIO_ROOT_PASSWORD: OBJECT_STORE_KEYS.secretAccessKey,
    MINIO_BROWSER: "off",
    MINIO_UPDATE: "off",
    ...environment,
  };
  const child = options.spawn([
    "env",
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    tools.program("minio"),
    "server",
    "--quiet",
    `--address=${address}:${port}`,
    `--certs-dir=${certificates}`,
    join(folder, "data"),
  ]);
  const endpoint = `https://${address}:${port}`;
  const ca = readFileSync(authority.certificate, "utf8");
  const send = (method: string, path: string, body?: Uint8Array) =>
    signedRequest(endpoint, ca, method, path, body);
  const expectOk = async (method: string, path: string, body?: Uint8Array) => {
    const status = await send(method, path, body);
    if (status !== 200) throw new Error(`${method} ${path}: HTTP ${status}`);
  };
  await untilReady(
    "object store",
    () =>
      send("GET", "/").then(
        (status) => status === 200,
        () => false,
      ),
    {
      timeoutMilliseconds: 120_000,
      child,
    },
  );
  return {
    endpoint,
    authority: ca,
    makeBucket: (bucket) => expectOk("PUT", `/${bucket}`),
    put: (bucket, key, bytes) =>
      expectOk("PUT", `/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`, bytes),
    stop: () => void child.kill("SIGKILL"),
  };
}

async function signedRequest(
  endpoint: string,
  ca: string,
  method: string,
  path: string,
  body: Uint8Array = new Uint8Array(),
): Promise<number> {
  const url = `${endpoint}${path}`;
  const hash = createHash("sha256").update(body).digest("hex");
  const headers = { "x-amz-content-sha256": hash };
  const signer = new AwsV4Signer({
    method,
    url,
    headers,
    ...OBJECT_STORE_KEYS,
    service: "s3",
    region: "us-east-1",
  });
  const signed = Object.fromEntries([...(await signer.sign()).headers]);
  return await new Promise((resolve, reject) => {
    request(
      url,
      { method, headers: { ...signed, "content-length": body.byteLength }, ca, agent: false },
      (answer) => {
        answer.resume().on("end", () => resolve(answer.statusCode ?? 0));
      },
    )
      .on("error", reject)
      .end(body);
  });
}
