/**
 * How a container that keeps a training log sees its store: the settings of the bucket, and one volume with all that
 * they name, keys of Secrets and ConfigMaps and the pod's identity.
 *
 * What is missing keeps no pod from starting: it is mounted as optional, and the log says which file it lacks.
 */
import { contentHash } from "../api/content-hash.ts";
import type { Credential } from "../api/credential.ts";
import { wholeQuantity } from "../api/quantity.ts";
import type { TrainingLogSpec } from "../api/training-log.ts";
import { credentialPath, credentialSources } from "./credential-files.ts";

/** Where the files of the volume are. */
const STORE = { volume: "training-log-store", folder: "/etc/petrel/training-log" } as const;
const S3_KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/** The kubelet renews the token well before it ends. */
const TOKEN_SECONDS = 3_600;
const DEFAULT_BYTES_PER_MINUTE = 4 * 2 ** 20;

/** How the log mounts them, where it needs any. */
export const trainingLogStoreMount = { name: STORE.volume, mountPath: STORE.folder, readOnly: true } as const;

/** The parts of a log's settings that every program has, as `petrel` reads them. */
export function trainingLogSettings(spec: TrainingLogSpec) {
  const { sample, maxBytesPerMinute = "" } = spec;
  return {
    sample,
    bytesPerMinute: wholeQuantity(maxBytesPerMinute) ?? DEFAULT_BYTES_PER_MINUTE,
    bucket: bucketSettings(spec),
  };
}

/** The volume with what these logs need; none where they need nothing. */
export function trainingLogStoreVolumes(logs: readonly TrainingLogSpec[]) {
  const keys = new Map(
    logs.flatMap(credentialsOf).map((credential) => [credentialPath(credential), credential]),
  );
  const audiences = new Set(logs.flatMap(({ s3 }) => s3?.webIdentity?.audience ?? []));
  const sorted = [...keys].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const sources = [
    ...credentialSources(sorted.map(([, credential]) => credential)),
    ...[...audiences].toSorted().map((audience) => ({
      serviceAccountToken: { audience, expirationSeconds: TOKEN_SECONDS, path: tokenPath(audience) },
    })),
  ];
  return sources.length === 0 ? [] : [{ name: STORE.volume, projected: { sources } }];
}

/** Settings of the bucket, without what nobody says. */
function bucketSettings({ bucket, s3, certificateAuthority, proxy }: TrainingLogSpec) {
  const [name = "", ...prefix] = bucket.replace("s3://", "").split("/");
  const { endpoint, region, credentialsSecret, webIdentity } = s3 ?? {};
  return {
    name,
    prefix: prefix.length === 0 ? undefined : prefix.join("/"),
    endpoint,
    region,
    credentials: credentialsSecret === undefined ? undefined : `${STORE.folder}/secrets/${credentialsSecret}`,
    tokenFile: webIdentity === undefined ? undefined : `${STORE.folder}/${tokenPath(webIdentity.audience)}`,
    roleArn: webIdentity?.roleArn,
    tokenService: webIdentity?.tokenService,
    authorities:
      certificateAuthority === undefined
        ? undefined
        : `${STORE.folder}/${credentialPath(certificateAuthority)}`,
    proxy,
  };
}

function credentialsOf({ s3, certificateAuthority }: TrainingLogSpec): readonly Credential[] {
  const name = s3?.credentialsSecret;
  return [
    ...(certificateAuthority === undefined ? [] : [certificateAuthority]),
    ...(name === undefined ? [] : S3_KEYS.map((key) => ({ kind: "Secret" as const, name, key }))),
  ];
}

function tokenPath(audience: string): string {
  return `identities/${contentHash(audience)}/token`;
}
