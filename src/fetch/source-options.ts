/**
 * What `petrel fetch` is told about stores, as options name it: files that hold certificates and secrets, never
 * the secrets themselves. Read here into what sources take.
 */
import { FETCH_MOUNT } from "../api/names.ts";
import type { Clock } from "../core/clock.ts";
import { HttpClient } from "../sources/http-client.ts";
import { parseModelUri } from "../sources/model-uri.ts";
import { readProxySettings } from "../sources/proxy-settings.ts";
import { DEFAULT_REGION, readS3Credentials, type WorkloadEnvironment } from "../sources/s3-key-files.ts";
import { readSettingFile, SettingMissing } from "../sources/setting-file.ts";
import type { HttpAccess, S3Access, SourceSettings } from "../sources/source-settings.ts";
import { asFetchFailure, FetchFailure } from "./failure.ts";

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
    ...(proxy === undefined ? {} : { proxy: readProxy(proxy, proxyExceptions) }),
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
    credentials: await readS3Credentials(
      {
        folder: options.s3Credentials,
        tokenFile: options.s3TokenFile,
        roleArn: options.s3RoleArn,
        tokenService: options.s3StsEndpoint,
      },
      {
        ...{ environment, region, client: new HttpClient(http), now: clock.now },
        ...{ session: "petrel-fetch", read: readSetting },
      },
    ),
  };
  return { http, s3, claimsFolder: options.claimsFolder, imageFolder: options.imageFolder };
}

/** Reads the proxy and its exceptions. */
function readProxy(proxy: string, exceptions: string): NonNullable<HttpAccess["proxy"]> {
  try {
    return readProxySettings(proxy, exceptions.split(","));
  } catch (error) {
    throw asFetchFailure(error, "Settings");
  }
}

/**
 * Text of a mounted Secret or ConfigMap key, without white space around it.
 *
 * @throws FetchFailure (`Settings`) that names Secret or ConfigMap and key when it is missing or empty.
 */
export async function readSetting(
  path: string,
  presence: "Required" | "Optional" = "Required",
): Promise<string> {
  return await readSettingFile(path, presence).catch((error: unknown) => {
    throw error instanceof SettingMissing ? missing(path, error.found) : error;
  });
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
