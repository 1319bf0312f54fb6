/**
 * Where the Secrets and ConfigMaps of doors lie in a router's pod, as the kubelet lays them out.
 */
import type { Credential } from "../api/credential.ts";

/** Folder in which both containers of a router's pod find them. */
export const CREDENTIAL_DIRECTORY = "/etc/petrel/credentials";

/** Path of a key below the folder. */
export function credentialPath({ kind, name, key }: Credential): string {
  return `${kind.toLowerCase()}s/${name}/${key}`;
}
