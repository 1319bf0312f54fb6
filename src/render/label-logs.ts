/**
 * The logs of labels that a collector keeps for training: what it is told of each, and the volume where their files wait
 * for their buckets. All logs of a namespace share the room, so that no number of them fills the volume, which would end
 * the pod.
 */
import type { TrainingLogSpec } from "../api/training-log.ts";
import { trainingLogSettings, trainingLogStoreMount, trainingLogStoreVolumes } from "./training-log-store.ts";

const FILES = { volume: "training-log", folder: "/var/lib/petrel/training-log", size: "4Gi" } as const;

const MEBIBYTE = 2 ** 20;
/** Least that a program can be told. */
const LEAST_BYTES = 2 ** 16;
/**
 * Of all logs together. Each new log makes the shares of the others smaller, and what waits by then stays: with a bucket
 * that is away, and 5,000 logs that begin and fill their shares one after another, the most of a namespace, 2.3 GiB wait.
 * The volume has room for that, and for what each may write beyond its share.
 */
const ALL = { folders: 256 * MEBIBYTE, waiting: 8 * MEBIBYTE } as const;
const LARGEST_FILE_BYTES = MEBIBYTE;

/** What the collector is told of the log of one deployment of the namespace, of which so many have one. */
export function labelLogSettings(log: TrainingLogSpec, uid: string, logs: number) {
  const share = (bytes: number) => Math.max(LEAST_BYTES, Math.floor(bytes / logs));
  const maximumFolderBytes = share(ALL.folders);
  return {
    ...trainingLogSettings(log),
    folder: `${FILES.folder}/${uid}`,
    maximumWaitingBytes: share(ALL.waiting),
    maximumFileBytes: Math.max(LEAST_BYTES, Math.min(LARGEST_FILE_BYTES, Math.floor(maximumFolderBytes / 4))),
    maximumFolderBytes,
  };
}

/** Volumes of the collector's pod; none where there are no logs. */
export function labelLogVolumes(logs: readonly TrainingLogSpec[]) {
  if (logs.length === 0) return [];
  return [{ name: FILES.volume, emptyDir: { sizeLimit: FILES.size } }, ...trainingLogStoreVolumes(logs)];
}

/** How the collector mounts them. */
export function labelLogMounts(logs: readonly TrainingLogSpec[]) {
  if (logs.length === 0) return [];
  return [
    { name: FILES.volume, mountPath: FILES.folder },
    ...trainingLogStoreVolumes(logs).map(() => trainingLogStoreMount),
  ];
}
