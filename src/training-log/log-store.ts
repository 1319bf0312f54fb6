/**
 * The bucket of a training log, opened with the files that the settings name. They are read when it is opened, not when
 * the program starts: a Secret may come later, or be changed, and the log must go on by itself then.
 */
import type { Clock } from "../core/clock.ts";
import { HttpClient } from "../sources/http-client.ts";
import { readProxySettings } from "../sources/proxy-settings.ts";
import { DEFAULT_REGION, readS3Credentials, type WorkloadEnvironment } from "../sources/s3-key-files.ts";
import { ObjectWriter, type PutOutcome } from "../sources/s3-put.ts";
import { S3Requests } from "../sources/s3-requests.ts";
import { readSettingFile } from "../sources/setting-file.ts";
import type { BucketSettings } from "./log-settings.ts";

/** Writes one object as a whole, or throws what was wrong. */
export type PutFile = (key: string, bytes: Uint8Array, signal: AbortSignal) => Promise<PutOutcome>;

/** One file is small; a store that takes longer is away. */
const PUT_MILLISECONDS = 60_000;

/** The store of one bucket. Its connections are kept, however often it is opened, as long as the same authority vouches for it. */
export class LogStore {
  readonly #settings: BucketSettings;
  readonly #environment: WorkloadEnvironment;
  readonly #clock: Clock;
  #connections: { readonly authority: string | undefined; readonly client: HttpClient } | undefined;

  constructor(settings: BucketSettings, environment: WorkloadEnvironment, clock: Clock) {
    this.#settings = settings;
    this.#environment = environment;
    this.#clock = clock;
  }

  /**
   * Opens the bucket.
   *
   * @throws {Error} when a file with keys or authorities is missing, or the proxy or an exception is none; names the
   *   file, never what is in it, nor the proxy, which may hold a secret.
   */
  async open(): Promise<PutFile> {
    const { name, endpoint, credentials: folder, tokenFile, roleArn, tokenService } = this.#settings;
    const [environment, clock] = [this.#environment, this.#clock];
    const client = await this.#client();
    const region = this.#settings.region ?? environment.AWS_REGION ?? DEFAULT_REGION;
    const credentials = await readS3Credentials(
      { folder, tokenFile, roleArn, tokenService },
      {
        ...{ environment, region, client, now: clock.now },
        ...{ session: "petrel-training-log", read: readSettingFile },
      },
    );
    const access = { ...(endpoint === undefined ? {} : { endpoint }), region, credentials };
    const writer = new ObjectWriter(new S3Requests(client, access), PUT_MILLISECONDS, clock);
    return (key, bytes, signal) =>
      writer.put({ bucket: name, key, contentType: "application/gzip", bytes }, signal);
  }

  async #client(): Promise<HttpClient> {
    const { authorities: file, proxy } = this.#settings;
    const authority = file === undefined ? undefined : await readSettingFile(file, "Required");
    if (this.#connections === undefined || this.#connections.authority !== authority) {
      const client = new HttpClient({
        authorities: authority === undefined ? [] : [authority],
        ...(proxy === undefined ? {} : { proxy: readProxySettings(proxy.url, proxy.exceptions) }),
      });
      this.#connections = { authority, client };
    }
    return this.#connections.client;
  }
}
