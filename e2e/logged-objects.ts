/**
 * What a training log has written to a real S3 store, as whoever trains on it reads it.
 */
import { gunzipSync } from "node:zlib";
import { parseJson } from "../src/api/json.ts";
import { s3Source } from "../src/sources/s3.ts";
import { fixedCredentials } from "../src/sources/s3-credentials.ts";
import { readToken, tokenBytes } from "../src/token/prediction-token.ts";
import { OBJECT_STORE_KEYS, type ObjectStore } from "./cluster/index.ts";

const READ_MILLISECONDS = 60_000;

/** The id in a token, as lines have it. */
export function idOf(token: string): string {
  const { requestId } = readToken(tokenBytes(token) ?? Buffer.alloc(0));
  return Buffer.from(requestId).toString("hex");
}

/** Texts of the objects below a prefix of a bucket, unpacked, by key; none where nothing is. */
export async function loggedObjects(
  store: Pick<ObjectStore, "authority" | "endpoint">,
  bucket: string,
  prefix: string,
): Promise<ReadonlyMap<string, string>> {
  const source = s3Source(
    { authorities: [store.authority] },
    { endpoint: store.endpoint, region: "us-east-1", credentials: fixedCredentials(OBJECT_STORE_KEYS) },
  );
  const signal = AbortSignal.timeout(READ_MILLISECONDS);
  const url = new URL(`s3://${bucket}/${prefix}`);
  const location = await source.locate({ url, signal }).catch((error: unknown) => {
    if (String(error).includes("found none")) return undefined;
    throw error;
  });
  const texts = new Map<string, string>();
  if (location?.type !== "Directory") return texts;
  for (const file of location.files) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await source.open({ url: file.url, signal })).body) chunks.push(chunk);
    texts.set(file.path, gunzipSync(Buffer.concat(chunks)).toString());
  }
  return texts;
}

/** The lines of all these objects, read. */
export function loggedLines(objects: ReadonlyMap<string, string>): readonly unknown[] {
  return [...objects.values()].flatMap((text) => text.trimEnd().split("\n")).map(parseJson);
}
