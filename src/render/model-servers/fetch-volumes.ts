/**
 * What `fetch` alone mounts: keys of Secrets and ConfigMaps by name, the pod's identity for a store, claims with the
 * model or its signature, the cache. The model server sees none of them.
 *
 * A Secret that is missing must not keep the pod from starting, for nobody would be told: it is mounted as optional,
 * and `fetch` fails with its name.
 */
import type { KeyReference } from "../../api/key-reference.ts";
import { FETCH_MOUNT } from "../../api/names.ts";
import type { ModelServersInput } from "./model-servers-input.ts";

/** What is fetched, and how. */
export type FetchedInput = Pick<ModelServersInput, "model" | "fetch" | "image" | "imagePullPolicy">;

/** A volume of the pod, and where `fetch` sees it. */
export interface FetchVolume {
  readonly volume: { readonly name: string; readonly [source: string]: unknown };
  readonly mount: { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean };
}

const S3_KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/** Readable for the group that the pod's volumes belong to, and nobody else. */
const GROUP_READABLE = 0o440;
/** The kubelet renews the token well before it ends. */
const TOKEN_SECONDS = 3600;
/** Sources that `fetch` keeps copies of. */
const CACHED_URI = /^(https?|s3):/;

/** Folder in which the keys of a Secret or ConfigMap are mounted. */
export function settingFolder({ kind, name }: Pick<KeyReference, "kind" | "name">): string {
  return `${kind === "Secret" ? FETCH_MOUNT.secrets : FETCH_MOUNT.configMaps}/${name}`;
}

/** Whether the fetch of this model has a cache. */
export function usesCache({ model, fetch }: Pick<ModelServersInput, "model" | "fetch">): boolean {
  return fetch?.cache !== undefined && CACHED_URI.test(model.uri);
}

/** The volumes that only `fetch` mounts. */
export function fetchVolumes(input: FetchedInput): readonly FetchVolume[] {
  return [
    ...settingVolumes(keysOf(input)),
    ...identityVolumes(input),
    ...claimVolumes(input),
    ...cacheVolumes(input),
  ];
}

/** Every key that the spec names. */
function keysOf({ model, fetch }: FetchedInput): readonly KeyReference[] {
  const { authorization, certificateAuthority, s3 } = fetch ?? {};
  const name = s3?.credentialsSecret;
  return [
    ...(model.verify === undefined ? [] : [model.verify.publicKey]),
    ...(certificateAuthority === undefined ? [] : [certificateAuthority]),
    ...(authorization === undefined ? [] : [authorization]),
    ...(name === undefined ? [] : S3_KEYS.map((key) => ({ kind: "Secret" as const, name, key }))),
  ];
}

/** One volume for each Secret or ConfigMap, with the needed keys alone. */
function settingVolumes(keys: readonly KeyReference[]): readonly FetchVolume[] {
  const byFolder = Map.groupBy(keys, settingFolder);
  return [...byFolder].map(([mountPath, [first, ...others]], index) => {
    // A group has at least one key.
    const { kind = "Secret", name: object = "" } = first ?? {};
    const wanted = new Set([first, ...others].map((reference) => reference?.key ?? ""));
    const items = [...wanted].map((key) => ({ key, path: key }));
    const common = { items, optional: true, defaultMode: GROUP_READABLE };
    const name = `fetch-setting-${index}`;
    return {
      volume:
        kind === "Secret"
          ? { name, secret: { secretName: object, ...common } }
          : { name, configMap: { name: object, ...common } },
      mount: { name, mountPath, readOnly: true },
    };
  });
}

function identityVolumes({ fetch }: FetchedInput): readonly FetchVolume[] {
  const identity = fetch?.s3?.webIdentity;
  if (identity === undefined) return [];
  const { audience } = identity;
  const token = { serviceAccountToken: { audience, expirationSeconds: TOKEN_SECONDS, path: "token" } };
  const name = "fetch-identity";
  return [
    {
      volume: { name, projected: { sources: [token], defaultMode: GROUP_READABLE } },
      mount: { name, mountPath: FETCH_MOUNT.identity, readOnly: true },
    },
  ];
}

/** Claims are read-only twice: for the volume, so that Kubernetes changes no owner in them, and for the mount. */
function claimVolumes({ model }: FetchedInput): readonly FetchVolume[] {
  const claims = new Set(
    [model.uri, model.verify?.signature ?? ""].flatMap((uri) => /^pvc:\/\/([^/]+)\//.exec(uri)?.[1] ?? []),
  );
  return [...claims].map((claimName, index) => ({
    volume: { name: `fetch-claim-${index}`, persistentVolumeClaim: { claimName, readOnly: true } },
    mount: { name: `fetch-claim-${index}`, mountPath: `${FETCH_MOUNT.claims}/${claimName}`, readOnly: true },
  }));
}

function cacheVolumes(input: FetchedInput): readonly FetchVolume[] {
  const claimName = input.fetch?.cache?.claimName;
  if (claimName === undefined || !usesCache(input)) return [];
  const name = "fetch-cache";
  return [
    {
      volume: { name, persistentVolumeClaim: { claimName } },
      mount: { name, mountPath: FETCH_MOUNT.cache },
    },
  ];
}
