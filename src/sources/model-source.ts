/**
 * What every source of models has in common: say what is there, and open a stream of bytes, if need be from
 * the middle.
 *
 * A source knows one protocol and nothing else: sizes, digests, time limits and retries are the caller's,
 * so that they hold for all sources alike. A source must never decode, decompress or otherwise change the
 * bytes, and must never put a secret of the URI into an error.
 */

/** Where to go on after a connection broke: only meaningful for the same, unchanged bytes. */
export interface ResumePoint {
  /** Bytes already received, from the start of the model. */
  readonly offsetBytes: number;
  /** {@link OpenedModel.validator} of the stream that those bytes came from. */
  readonly validator: string;
}

/** What {@link ModelSource.open} is asked for. */
export interface OpenRequest {
  /** The model's URI, of a scheme that the source is registered for. */
  readonly url: URL;
  /** Set to go on; a source that cannot, or whose model has changed, answers from the start. */
  readonly resume?: ResumePoint | undefined;
  /**
   * Ends the opening and the stream, promptly, whatever they wait for. The caller aborts it when it is
   * done with the stream, read to the end or not, and so frees what the source holds.
   */
  readonly signal: AbortSignal;
}

/** A stream of a model's bytes. */
export interface OpenedModel {
  /** The bytes. Throws only {@link SourceError}. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Where in the model the body starts: the asked offset, or 0. */
  readonly offsetBytes: number;
  /** Size of the whole model when the source knows it before it is read. */
  readonly totalBytes: number | undefined;
  /** Identifies these exact bytes at the source (a strong ETag, for example); none, no resuming. */
  readonly validator: string | undefined;
}

/** One file of a model that is a directory. */
export interface ModelFile {
  /** Path below the model, with `/` between its parts, as the source gives it: not checked. */
  readonly path: string;
  /** What {@link ModelSource.open} opens. */
  readonly url: URL;
  /** Size when the source knows it before the file is read. */
  readonly sizeBytes: number | undefined;
}

/** What is at a URI: one file, or a directory of files. */
export type ModelLocation =
  | { readonly type: "File" }
  | { readonly type: "Directory"; readonly files: readonly ModelFile[] }
  /** A directory that is mounted read-only where the server reads it too: verified where it is, never copied. */
  | { readonly type: "Mounted"; readonly files: readonly ModelFile[] };

/** Files that one model may have. */
export const MAX_MODEL_FILES = 10_000;

/** A source of models: one file of this folder, one line of the register, one row of the conformance test. */
export interface ModelSource {
  /**
   * Says what is at a model's URI. A source that has no directories says `File` without asking anybody.
   *
   * @throws SourceError for everything that can go wrong, more than {@link MAX_MODEL_FILES} files included.
   */
  locate(request: { readonly url: URL; readonly signal: AbortSignal }): Promise<ModelLocation>;
  /**
   * Opens a file for reading.
   *
   * @throws SourceError for everything that can go wrong, an aborted signal included.
   */
  open(request: OpenRequest): Promise<OpenedModel>;
}

/** The parts of a {@link SourceError}. */
export interface SourceErrorInit {
  /** What happened, as one sentence for people. Holds no secret. */
  readonly message: string;
  /** What would have been right. */
  readonly expected: string;
  /** What was there instead. */
  readonly found: string;
  /** True when trying again cannot help: the model is not there, or may not be read. */
  readonly terminal: boolean;
  /** How long the source asked to be left alone, in milliseconds (`Retry-After`). */
  readonly retryAfterMilliseconds?: number | undefined;
  readonly cause?: unknown;
}

/** A model could not be opened or read. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly expected: string;
  readonly found: string;
  readonly terminal: boolean;
  readonly retryAfterMilliseconds: number | undefined;

  constructor(init: SourceErrorInit) {
    super(init.message, { cause: init.cause });
    this.expected = init.expected;
    this.found = init.found;
    this.terminal = init.terminal;
    this.retryAfterMilliseconds = init.retryAfterMilliseconds;
  }
}

/** The refusal of a directory with more files than a model may have. */
export function tooManyFiles(shown: string): SourceError {
  const expected = `at most ${MAX_MODEL_FILES} files`;
  return new SourceError({
    message: `${shown} has too many files: expected ${expected}, found more`,
    expected,
    found: "more",
    terminal: true,
  });
}
