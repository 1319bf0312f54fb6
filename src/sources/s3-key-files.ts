/**
 * The keys to an S3 store as a container sees them: a folder with the keys of a Secret, the token of the pod's identity,
 * what a workload identity webhook puts into the environment, or none, as for public buckets.
 */
import { join } from "node:path";
import type { HttpClient } from "./http-client.ts";
import { fixedCredentials, webIdentityCredentials } from "./s3-credentials.ts";
import type { S3CredentialProvider } from "./source-settings.ts";

/** Region of stores that have none. */
export const DEFAULT_REGION = "us-east-1";

/** Where the keys are; at most one of folder and token. */
export interface S3KeyFiles {
  /** Folder with the files `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and perhaps `AWS_SESSION_TOKEN`. */
  readonly folder?: string | undefined;
  /** File with the token of the pod's identity. */
  readonly tokenFile?: string | undefined;
  /** Role to take with it. */
  readonly roleArn?: string | undefined;
  /** Origin of the token service; Amazon's of the region unless given. */
  readonly tokenService?: string | undefined;
}

/** The environment variables that workload identity webhooks put into a container. */
export interface WorkloadEnvironment {
  readonly AWS_REGION?: string;
  readonly AWS_ROLE_ARN?: string;
  readonly AWS_WEB_IDENTITY_TOKEN_FILE?: string;
}

/** What else is needed to take keys. */
export interface S3KeyContext {
  readonly environment: WorkloadEnvironment;
  readonly region: string;
  /** Asks the token service. */
  readonly client: HttpClient;
  readonly now: () => number;
  /** Who asks, as the store's own log names it. */
  readonly session: string;
  /** Text of a file without white space around it; the empty text where a file that may be missing is. */
  readonly read: (path: string, presence: "Required" | "Optional") => Promise<string>;
}

/** Keys of a Secret are read now; those for an identity are taken when they are needed. */
export async function readS3Credentials(
  { folder, tokenFile, roleArn, tokenService }: S3KeyFiles,
  { environment, region, client, now, session, read }: S3KeyContext,
): Promise<S3CredentialProvider> {
  if (folder !== undefined) {
    const sessionToken = await read(join(folder, "AWS_SESSION_TOKEN"), "Optional");
    return fixedCredentials({
      accessKeyId: await read(join(folder, "AWS_ACCESS_KEY_ID"), "Required"),
      secretAccessKey: await read(join(folder, "AWS_SECRET_ACCESS_KEY"), "Required"),
      ...(sessionToken === "" ? {} : { sessionToken }),
    });
  }
  const file = tokenFile ?? environment.AWS_WEB_IDENTITY_TOKEN_FILE;
  if (file === undefined) return fixedCredentials(undefined);
  const identity = {
    endpoint: tokenService ?? `https://sts.${region}.amazonaws.com`,
    roleArn: roleArn ?? environment.AWS_ROLE_ARN,
    tokenFile: file,
    session,
  };
  return webIdentityCredentials(identity, client, now);
}
