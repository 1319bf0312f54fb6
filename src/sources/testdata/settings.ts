/**
 * What sources are told, in tests: nothing, but for what a test says. Never part of a program.
 */
import { fixedCredentials } from "../s3-credentials.ts";
import type { SourceSettings } from "../source-settings.ts";

/** Settings without authorities, proxy or keys. */
export function sourceSettings(settings: Partial<SourceSettings> = {}): SourceSettings {
  return {
    http: { authorities: [] },
    s3: { region: "us-east-1", credentials: fixedCredentials(undefined) },
    claimsFolder: "/nonexistent",
    imageFolder: "/nonexistent",
    ...settings,
  };
}
