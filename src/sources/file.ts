/**
 * Models from the container's own file system: `file:///models/ranker/model.onnx`, on a volume that is
 * mounted or in the image. Regular files only: a directory, a device or a named pipe is refused before it
 * is read (opening a pipe would wait for a writer for ever). Symbolic links are followed.
 */
import { constants, type ReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { errorCode } from "./error-code.ts";
import { type ModelSource, type OpenedModel, type OpenRequest, SourceError } from "./model-source.ts";

/** Reads in pieces of this size: few system calls, and still prompt when the signal is aborted. */
const CHUNK_BYTES = 1 << 20;

/** Errors that a later attempt does not mend. */
const TERMINAL_CODES: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "EACCES",
  "EPERM",
  "EISDIR",
  "ELOOP",
]);

/** Source of `file:` URIs. */
export const fileSource: ModelSource = { open: openFile };

async function openFile({ url, resume, signal }: OpenRequest): Promise<OpenedModel> {
  const path = pathOf(url);
  const handle = await openHandle(path);
  try {
    signal.throwIfAborted();
    const status = await handle.stat({ bigint: true });
    if (!status.isFile()) {
      const found = status.isDirectory() ? "a directory" : "a special file";
      const message = `${path}: expected a regular file, found ${found}`;
      throw new SourceError({ message, expected: "a regular file", found, terminal: true });
    }
    // A file that is written again has another time, another size or, when renamed over, another inode.
    const validator = `${status.ino}-${status.size}-${status.mtimeNs}`;
    const offsetBytes = resume?.validator === validator ? resume.offsetBytes : 0;
    const stream = handle.createReadStream({ start: offsetBytes, highWaterMark: CHUNK_BYTES, signal });
    // An abort also ends a stream that nobody reads any more; its error then has no other listener.
    stream.on("error", () => {});
    return { body: readFrom(stream, path), offsetBytes, totalBytes: Number(status.size), validator };
  } catch (error) {
    await handle.close();
    throw describe(error, path);
  }
}

function pathOf(url: URL): string {
  if (url.host !== "") {
    throw new SourceError({
      message: `a file URI names no other host: expected file:///path, found file://${url.host}/...`,
      expected: "file:///path",
      found: `file://${url.host}/...`,
      terminal: true,
    });
  }
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new SourceError({
      message: "the path of the file URI cannot be decoded: expected no encoded slash and valid UTF-8",
      expected: "a decodable path",
      found: url.pathname,
      terminal: true,
      cause,
    });
  }
}

async function openHandle(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer, in a thread that nothing can end.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw describe(error, path);
  }
}

async function* readFrom(stream: ReadStream, path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw describe(error, path);
  }
}

function describe(error: unknown, path: string): SourceError {
  if (error instanceof SourceError) return error;
  const code = errorCode(error) ?? "an unknown error";
  return new SourceError({
    message: `cannot read ${path}: ${code}`,
    expected: "a readable file",
    found: code,
    terminal: TERMINAL_CODES.has(code),
    cause: error,
  });
}
