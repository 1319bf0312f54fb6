/**
 * The init container of a model pod: it fetches and verifies the model before any server starts.
 */
import type { FetchSpec } from "../../api/fetch.ts";
import type { KeyReference } from "../../api/key-reference.ts";
import type { ModelSource } from "../../api/model-source.ts";
import { CONTAINER, FETCH_MOUNT } from "../../api/names.ts";
import { containerSecurityContext } from "../pod-security.ts";
import { DEFAULT_REQUESTS } from "./container-resources.ts";
import { type FetchedInput, fetchVolumes, settingFolder, usesCache } from "./fetch-volumes.ts";
import { modelVolumeMount } from "./model-volume.ts";

/** The container that fetches the model. */
export function fetchContainer(input: FetchedInput) {
  const { ephemeralStorage } = input.fetch ?? {};
  const disk = ephemeralStorage === undefined ? {} : { "ephemeral-storage": ephemeralStorage };
  return {
    name: CONTAINER.fetch,
    image: input.image,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      "fetch",
      ...modelArguments(input.model),
      ...fetchArguments(input.fetch ?? {}),
      ...(usesCache(input) ? ["--cache", FETCH_MOUNT.cache] : []),
    ].map(literal),
    // A pod reserves what its largest init container does, for as long as it lives: the model's place on the disk too.
    resources: { requests: { ...DEFAULT_REQUESTS, ...disk } },
    securityContext: containerSecurityContext,
    volumeMounts: [modelVolumeMount(input.model), ...fetchVolumes(input).map(({ mount }) => mount)],
    terminationMessagePolicy: "File",
  };
}

function modelArguments({ uri, digest, archive, verify }: ModelSource): readonly string[] {
  return [
    ...option("--uri", uri),
    ...option("--digest", digest),
    ...option("--archive", archive),
    ...option("--verify", verify?.type),
    ...option("--public-key", fileOf(verify?.publicKey)),
    ...option("--signature", verify?.signature),
  ];
}

function fetchArguments(fetch: FetchSpec): readonly string[] {
  const { s3 } = fetch;
  const identity = s3?.webIdentity;
  const secret = s3?.credentialsSecret;
  return [
    ...option("--timeout", fetch.timeout),
    ...option("--max-size", fetch.maxSize),
    ...option("--ca-file", fileOf(fetch.certificateAuthority)),
    ...option("--proxy", fetch.proxy?.url),
    ...option("--proxy-exceptions", fetch.proxy?.exceptions?.join(",")),
    ...option("--authorization-file", fileOf(fetch.authorization)),
    ...option("--s3-endpoint", s3?.endpoint),
    ...option("--s3-region", s3?.region),
    ...option("--s3-credentials", secret && settingFolder({ kind: "Secret", name: secret })),
    ...option("--s3-token-file", identity && `${FETCH_MOUNT.identity}/token`),
    ...option("--s3-role-arn", identity?.roleArn),
    ...option("--s3-sts-endpoint", identity?.tokenService),
  ];
}

/** The argument as the kubelet hands it on unchanged: it takes `$$` for `$`, and `$(NAME)` for a variable. */
export function literal(argument: string): string {
  return argument.replaceAll("$", "$$$$");
}

/** The words of an option, if it has a value. */
function option(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [name, value];
}

/** Where a key is mounted. */
function fileOf(reference: KeyReference | undefined): string | undefined {
  return reference === undefined ? undefined : `${settingFolder(reference)}/${reference.key}`;
}
