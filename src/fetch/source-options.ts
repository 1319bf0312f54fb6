/**
 * What `petrel fetch` is told about stores, as options name it: files that hold certificates and secrets, never
 * the secrets themselves. Read here into what sources take.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FETCH_MOUNT } from "../api/names.ts";
import type { Clock } from "../core/clock.ts";
import { errorCode } from "../sources/error-code.ts";
import { parseModelUri } from "../sources/model-uri.ts";
import { type HttpProxy, parseProxy } from "../sources/proxy.ts";
import { EXPECTED_EXCEPTION, isProxyException } from "../sources/proxy-exceptions.ts";
import { fixedCredentials, webIdentityCredentials } from "../sources/s3-credentials.ts";
import type {
  HttpAccess,
  S3Access,
  S3CredentialProvider,
  SourceSettings,
} from "../sources/source-settings.ts";
import { FetchFailure } from "./failure.ts";

/** Options of the command that are about stores. */
export interface SourceOptions {
  readonly caFile?: string;
  readonly proxy?: string;
  /** Hosts with commas between them. */
  readonly proxyExceptions?: string;
  readonly authorizationFile?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  /** Folder with the files `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and perhaps `AWS_SESSION_TOKEN`. */
  readonly s3Credentials?: string;
  readonly s3TokenFile?: string;
  readonly s3RoleArn?: string;
  readonly s3StsEndpoint?: string;
  readonly claimsFolder: string;
  readonly imageFolder: string;
}

/** Region of stores that have none. */
const DEFAULT_REGION = "us-east-1";

/** The environment variables that workload identity webhooks put into a container. */
export interface WorkloadEnvironment {
  readonly AWS_REGION?: string;
  readonly AWS_ROLE_ARN?: string;
  readonly AWS_WEB_IDENTITY_TOKEN_FILE?: string;
}

/**
 * Reads the files that the options name.
 *
 * @throws FetchFailure (`Settings`) when one is missing or empty, or the proxy or an exception is none.
 */
export async function readSourceSettings(
  uri: string,
  options: SourceOptions,
  environment: WorkloadEnvironment,
  clock: Pick<Clock, "now">,
): Promise<SourceSettings> {
  const { caFile, proxy, proxyExceptions = "", authorizationFile } = options;
  const http: HttpAccess = {
    authorities: caFile === undefined ? [] : [await readSetting(caFile)],
    ...(proxy === undefined
      ? {}
      : { proxy: { server: readProxy(proxy), exceptions: readExceptions(proxyExceptions) } }),
    ...(authorizationFile === undefined
      ? {}
      : {
          authorization: {
            origin: parseModelUri(uri).url.origin,
            value: await readSetting(authorizationFile),
          },
        }),
  };
  const region = options.s3Region ?? environment.AWS_REGION ?? DEFAULT_REGION;
  const s3: S3Access = {
    ...(options.s3Endpoint === undefined ? {} : { endpoint: options.s3Endpoint }),
    region,
    credentials: await s3Credentials(options, environment, region, http, clock),
  };
  return { http, s3, claimsFolder: options.claimsFolder, imageFolder: options.imageFolder };
}

/** Keys of a Secret, or the pod's identity as the spec or a webhook gives it, or none for public buckets. */
async function s3Credentials(
  options: SourceOptions,
  environment: WorkloadEnvironment,
  region: string,
  http: HttpAccess,
  clock: Pick<Clock, "now">,
): Promise<S3CredentialProvider> {
  const { s3Credentials: folder } = options;
  if (folder !== undefined) {
    const sessionToken = await readSetting(join(folder, "AWS_SESSION_TOKEN"), "Optional");
    return fixedCredentials({
      accessKeyId: await readSetting(join(folder, "AWS_ACCESS_KEY_ID")),
      secretAccessKey: await readSetting(join(folder, "AWS_SECRET_ACCESS_KEY")),
      ...(sessionToken === "" ? {} : { sessionToken }),
    });
  }
  const tokenFile = options.s3TokenFile ?? environment.AWS_WEB_IDENTITY_TOKEN_FILE;
  if (tokenFile === undefined) return fixedCredentials(undefined);
  const identity = {
    endpoint: options.s3StsEndpoint ?? `https://sts.${region}.amazonaws.com`,
    roleArn: options.s3RoleArn ?? environment.AWS_ROLE_ARN,
    tokenFile,
  };
  return webIdentityCredentials(identity, http, clock.now);
}

/** One that cannot be used is never passed over: the store would be reached without it. */
function readProxy(text: string): HttpProxy {
  const proxy = parseProxy(text);
  if (proxy !== undefined) return proxy;
  const expected = "http://HOST:PORT";
  const found = "another text (not shown: it may hold a secret)";
  const message = `the proxy is not valid: expected ${expected}, found ${found}`;
  throw new FetchFailure({ check: "Settings", message, expected, found, terminal: true });
}

function readExceptions(text: string): readonly string[] {
  const exceptions = text.split(",");
  const found = exceptions.find((exception) => !isProxyException(exception));
  if (found === undefined) return exceptions;
  const expected = EXPECTED_EXCEPTION;
  const message = `an exception to the proxy is not valid: expected ${expected}, found ${found}`;
  throw new FetchFailure({ check: "Settings", message, expected, found, terminal: true });
}

/** Largest certificate bundle or secret. */
const MAX_SETTING_BYTES = 1 << 20;

/**
 * Text of a mounted Secret or ConfigMap key, without white space around it.
 *
 * @throws FetchFailure (`Settings`) that names Secret or ConfigMap and key when it is missing or empty.
 */
export async function readSetting(
  path: string,
  presence: "Required" | "Optional" = "Required",
): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return "";
    throw missing(path, errorCode(error) ?? "an unknown error");
  });
  if (text.length > MAX_SETTING_BYTES) throw missing(path, "more than 1 MiB");
  if (text.trim() === "" && presence === "Required") throw missing(path, "nothing");
  return text.trim();
}

function missing(path: string, found: string): FetchFailure {
  const expected = describeSetting(path);
  const message = `a setting of the fetch is missing: expected ${expected}, found ${found}`;
  return new FetchFailure({ check: "Settings", message, expected, found, terminal: false });
}

/** In the words of the spec where the path is one that the pod mounts, as it is otherwise. */
function describeSetting(path: string): string {
  for (const [kind, folder] of Object.entries({
    Secret: FETCH_MOUNT.secrets,
    ConfigMap: FETCH_MOUNT.configMaps,
  })) {
    if (!path.startsWith(`${folder}/`)) continue;
    const [name, key] = path.slice(folder.length + 1).split("/");
    return `key ${key} of ${kind} ${name}`;
  }
  return `text in ${path}`;
}
