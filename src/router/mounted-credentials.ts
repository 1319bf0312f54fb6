/**
 * The Secrets and ConfigMaps that the kubelet has laid out in this pod. It changes them all at once, by exchanging
 * one link, so that link tells whether anything has changed.
 */
import { readFile, readlink } from "node:fs/promises";
import { type Credential, credentialText } from "../api/credential.ts";
import { valueAt } from "../api/json.ts";
import type { ConfigurationLayout } from "../render/envoy/layout.ts";
import type { MountedCredentials } from "./door-credentials.ts";

/** Link of the kubelet to the folder with the present content. */
const PRESENT_LINK = "..data";

/** Reads the credentials of this pod. Calls must not overlap. */
export class CredentialDirectory implements MountedCredentials {
  readonly mounted: ReadonlySet<string>;
  readonly #credentials: readonly Credential[];
  readonly #layout: Pick<ConfigurationLayout, "credential" | "credentialDirectory">;
  readonly #contents = new Map<string, string>();
  #present: string | undefined;

  constructor(
    credentials: readonly Credential[],
    layout: Pick<ConfigurationLayout, "credential" | "credentialDirectory">,
  ) {
    this.#credentials = credentials;
    this.mounted = new Set(credentials.map(credentialText));
    this.#layout = layout;
  }

  /** Takes in what is there now. Resolves with whether anything may have changed. */
  async refresh(): Promise<boolean> {
    if (this.#credentials.length === 0) return false;
    const present = await ifThere(readlink(`${this.#layout.credentialDirectory}/${PRESENT_LINK}`));
    if (present === this.#present) return false;
    this.#contents.clear();
    for (const credential of this.#credentials) {
      const content = await ifThere(readFile(this.#layout.credential(credential), "utf8"));
      if (content !== undefined) this.#contents.set(credentialText(credential), content);
    }
    this.#present = present;
    return true;
  }

  read(credential: Credential): string | undefined {
    return this.#contents.get(credentialText(credential));
  }
}

async function ifThere<Value>(reading: Promise<Value>): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(String(valueAt(error, "code")))) return undefined;
    throw error;
  }
}
