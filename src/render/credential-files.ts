/**
 * Where the Secrets and ConfigMaps that doors and training logs name lie in a pod, as the kubelet lays them out.
 */
import type { Credential } from "../api/credential.ts";

/** Folder in which both containers of a router's pod find them. */
export const CREDENTIAL_DIRECTORY = "/etc/petrel/credentials";

/** Path of a key below the folder. */
export function credentialPath({ kind, name, key }: Credential): string {
  return `${kind.toLowerCase()}s/${name}/${key}`;
}

/**
 * Sources of a volume with these keys. The kubelet reads them for the pod, so that no program of it needs a right to
 * read Secrets. All are optional: one that is missing holds up what needs it alone, and not the pod.
 */
export function credentialSources(credentials: readonly Credential[]) {
  const objects = Map.groupBy(credentials, ({ kind, name }) => `${kind}/${name}`);
  return [...objects.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const items = [first, ...others].map((each) => ({ key: each.key, path: credentialPath(each) }));
    const source = { name: first.name, optional: true, items };
    return [first.kind === "Secret" ? { secret: source } : { configMap: source }];
  });
}
