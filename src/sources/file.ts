/**
 * Models from the container's own file system: `file:///models/ranker/model.onnx` in the image, or a directory
 * of files. A device or a named pipe is refused before it is read (opening a pipe would wait for a writer for
 * ever). Symbolic links to files are followed; inside a directory, only where they stay in it.
 */
import { constants, type ReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { listDirectory, unreadable } from "./directory-files.ts";
import {
  type ModelLocation,
  type ModelSource,
  type OpenedModel,
  type OpenRequest,
  SourceError,
} from "./model-source.ts";

/** Reads in pieces of this size: few system calls, and still prompt when the signal is aborted. */
const CHUNK_BYTES = 1 << 20;

/** Source of `file:` URIs. */
export const fileSource: ModelSource = {
  locate: async ({ url }) => locatePath(pathOf(url)),
  open: (request) => openPath(pathOf(request.url), request),
};

/** What is at a path: a file, or a directory from which no link leads out. */
export async function locatePath(path: string): Promise<ModelLocation> {
  const status = await stat(path).catch((error: unknown) => {
    throw unreadable(error, path);
  });
  return status.isDirectory()
    ? { type: "Directory", files: await listDirectory(path, path) }
    : { type: "File" };
}

/**
 * Opens a regular file by its path.
 *
 * @throws SourceError as {@link ModelSource.open} does.
 */
export async function openPath(
  path: string,
  { resume, signal }: Pick<OpenRequest, "resume" | "signal">,
): Promise<OpenedModel> {
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
    throw unreadable(error, path);
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
    throw unreadable(error, path);
  }
}

async function* readFrom(stream: ReadStream, path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw unreadable(error, path);
  }
}
