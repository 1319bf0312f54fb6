/**
 * The real command against the real collector.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type CollectProcess, MAIN, startCollect, writeFiles } from "../collect/testdata/collect-process.ts";
import { tokenOf } from "../collect/testdata/collecting.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { importExitCode } from "./feedback.ts";

const LIMIT_MILLISECONDS = 180_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command. Standard input stays open where there is no `input` for it. */
function run(options: readonly string[], input?: string): Promise<Ended> {
  const child = spawn(process.execPath, ["--no-warnings", MAIN, "feedback", "import", ...options]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => {});
  if (input !== undefined) child.stdin.end(input);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

/** Does something with a collector, which is ended then. */
function collecting<Result>(
  work: (collect: CollectProcess, folder: string) => Promise<Result>,
): Promise<Result> {
  return inFolder(async (folder) => {
    writeFiles(folder);
    const collect = await startCollect(folder);
    try {
      return await work(collect, folder);
    } finally {
      await collect.end("SIGTERM");
    }
  });
}

/** A server in the place of the collector. */
async function serving<Result>(
  listener: RequestListener,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const minutesAgo = (minutes: number) => Math.floor(Date.now() / 1_000) - 60 * minutes;
const timeOf = (seconds: number) => new Date(seconds * 1_000).toISOString();

test(
  "every answer of the collector is counted, and a refused label is a failure that can be allowed",
  async () => {
    await collecting(async ({ feedback }, folder) => {
      const file = join(folder, "labels.csv");
      const seconds = minutesAgo(60);
      const rows = [
        `${tokenOf(1, { seconds })},click,0,1,${timeOf(seconds + 60)},,`,
        `${tokenOf(2, { seconds })},order,,,${timeOf(seconds + 60)},19.9,A-17`,
        // The same order by another token of the same user is the same order.
        `${tokenOf(3, { seconds, user: "user-2" })},order,,,${timeOf(seconds + 60)},19.9,A-17`,
        `${tokenOf(4, { seconds })},click,0,,${timeOf(seconds + 2_400)},,`,
        `${tokenOf(5, { seconds: seconds - 100 * 3_600 })},click,0,,,,`,
        `${tokenOf(6, { seconds }).slice(0, -4)}AAAA,click,0,,,,`,
        `${tokenOf(7, { seconds, deployment: 12_345 })},click,0,,,,`,
        `${tokenOf(8, { seconds })},view,0,,,,`,
      ];
      writeFileSync(file, ["token,label,row,pos,at,value,id", ...rows].join("\n"));
      const first = await run([file, "--to", feedback, "-o", "json"]);
      const counted = JSON.parse(first.stdout);
      expect(counted).toMatchObject({
        complete: true,
        objects: 8,
        resumedFrom: 0,
        events: { accepted: 2, duplicate: 1, late: 1, expired: 1, forged: 1, foreign: 1, malformed: 1 },
      });
      expect(counted.troubles.map(({ line }: { line: number }) => line)).toEqual([6, 7, 8, 9]);
      expect(first.code).toBe(1);

      const again = await run([
        file,
        "--to",
        feedback,
        ...["expired", "forged", "foreign", "malformed"].flatMap((one) => ["--ignore", one]),
      ]);
      expect(again.code).toBe(0);
      expect(again.stdout).toContain(
        "8 objects answered\n  accepted   0\n  duplicate  4\n  late       0\n  expired    1\n",
      );
      expect(again.stdout).toContain('line 9: expected "label" to be one of click, order, got "view"\n');
    });
  },
  LIMIT_MILLISECONDS,
);

test(
  "an import whose collector is killed goes on with the next one, and no label is lost or counted twice",
  async () => {
    await inFolder(async (folder) => {
      writeFiles(folder);
      const [file, progress] = [join(folder, "labels.ndjson"), join(folder, "progress")];
      const seconds = minutesAgo(10);
      const lines = Array.from({ length: 2_000 }, (_, at) =>
        JSON.stringify({
          token: tokenOf(at, { seconds }),
          events: [{ label: "click", row: 0, at: timeOf(seconds + 5) }],
        }),
      );
      writeFileSync(file, lines.join("\n"));
      const first = await startCollect(folder);
      let posts = 0;
      // In front of it, something that kills it after it has stored the fourth post, and lets nobody have the answer.
      const killing: RequestListener = (request, response) => {
        const parts: Buffer[] = [];
        request.on("data", (part) => parts.push(part));
        request.on("end", async () => {
          if (++posts > 4) {
            response.destroy();
            return;
          }
          const answer = await fetch(`${first.feedback}/feedback`, {
            method: "POST",
            body: Buffer.concat(parts),
          });
          const text = await answer.text();
          if (posts < 4) {
            response.end(text);
            return;
          }
          await first.end("SIGKILL");
          response.destroy();
        });
      };
      const broken = await serving(killing, (url) =>
        run([file, "--to", url, "--progress", progress, "--batch", "200", "-o", "json"]),
      );
      expect(broken.code).toBe(3);
      expect(broken.stderr).toContain("error: the collector does not answer: ");
      expect(JSON.parse(broken.stdout)).toMatchObject({
        complete: false,
        objects: 600,
        events: { accepted: 600 },
      });
      const second = await startCollect(folder);
      try {
        const rest = await run([
          file,
          "--to",
          second.feedback,
          "--progress",
          progress,
          "--batch",
          "200",
          "-o",
          "json",
        ]);
        const { events, ...found } = JSON.parse(rest.stdout);
        expect({ code: rest.code, ...found }).toMatchObject({
          code: 0,
          complete: true,
          objects: 2_000,
          resumedFrom: 600,
        });
        // The post whose answer was lost had been stored.
        expect(events).toMatchObject({ accepted: 1_800, duplicate: 200, malformed: 0 });
      } finally {
        await second.end("SIGTERM");
      }
    });
  },
  LIMIT_MILLISECONDS,
);

test(
  "reads standard input, and sends again what got no answer",
  async () => {
    let posts = 0;
    const bodies: string[] = [];
    const busyOnce: RequestListener = (request, response) => {
      request.setEncoding("utf8");
      let body = "";
      request.on("data", (part) => {
        body += part;
      });
      request.on("end", () => {
        bodies.push(`${request.method} ${request.url} ${request.headers.authorization}\n${body}`);
        if (++posts === 1) response.writeHead(429, { "retry-after": "1" }).end('{"error":"too much waits"}');
        else response.end('{"results":[{"events":["accepted"]}]}');
      });
    };
    await inFolder(async (folder) => {
      const secret = join(folder, "authorization");
      writeFileSync(secret, "Bearer abc\n");
      const { code, stderr } = await serving(busyOnce, (url) =>
        run(
          ["-", "--format", "NDJSON", "--to", `${url}/shop/`, "--authorization-file", secret],
          '{"token":"t"}\n',
        ),
      );
      expect([code, stderr]).toEqual([0, "trying again: HTTP 429: too much waits\n"]);
      expect(bodies).toEqual(Array(2).fill('POST /shop/feedback Bearer abc\n{"token":"t"}\n'));
    });
  },
  LIMIT_MILLISECONDS,
);

test(
  "reads labels over HTTP, and goes on after a connection that broke",
  async () => {
    const lines = Array.from({ length: 9 }, (_, at) => `{"token":"t${at}"}\n`);
    const posted: string[] = [];
    let isBroken = true;
    let breakOff = () => {};
    const shop: RequestListener = (request, response) => {
      if (request.method === "GET") {
        response.writeHead(200, { "content-length": lines.join("").length });
        response.write(lines.slice(0, isBroken ? 7 : 9).join(""));
        if (isBroken) breakOff = () => response.destroy();
        else response.end();
        return;
      }
      request.setEncoding("utf8").on("data", (part) => posted.push(...part.trim().split("\n")));
      request.on("end", () => {
        const results = Array.from({ length: 3 }, () => ({ events: ["accepted"] }));
        response.end(JSON.stringify({ results }), () => {
          if (posted.length === 6) breakOff();
        });
      });
    };
    await inFolder(async (folder) => {
      await serving(shop, async (url) => {
        const options = [
          `${url}/labels.ndjson?key=secret`,
          "--to",
          url,
          "--batch",
          "3",
          "--progress",
          join(folder, "progress"),
        ];
        const broken = await run(options);
        expect(broken.code).toBe(3);
        expect(broken.stdout).toContain("6 objects answered; not complete\n");
        expect(broken.stderr).toContain("the connection to http://127.0.0.1");
        expect(broken.stderr).not.toContain("secret");
        isBroken = false;
        const rest = await run(options);
        expect([rest.code, rest.stdout.split("\n")[0]]).toEqual([0, "9 objects answered, 6 of them before"]);
      });
    });
    expect(posted).toEqual(lines.map((line) => line.trim()));
  },
  LIMIT_MILLISECONDS,
);

test.each([
  ["a server that is no collector", 1, '{"ok":true}', "expected 1 answers of a collector"],
  ["one that answers too little", 1, '{"results":[]}', "expected 1 answers of a collector"],
  [
    "one that says what no collector says",
    1,
    '{"results":[{"events":["fine"]}]}',
    "expected 1 answers of a collector",
  ],
])(
  "takes nothing from %s",
  async (_, expected, answer, message) => {
    const { code, stdout, stderr } = await serving(
      (request, response) => {
        request.resume();
        response.end(answer);
      },
      (url) => run(["-", "--format", "NDJSON", "--to", url], '{"token":"t"}\n'),
    );
    expect(code).toBe(expected);
    expect(stdout).toContain("0 objects answered; not complete");
    expect(stderr).toContain(message);
  },
  LIMIT_MILLISECONDS,
);

test.each([
  ["a file that is not there", 2, ["none.csv", "--to", "http://127.0.0.1:9"], "none.csv: ENOENT"],
  [
    "an address of no source",
    2,
    ["oci://labels.csv", "--to", "http://127.0.0.1:9"],
    "expected one of the schemes file",
  ],
  ["a name that tells no format", 2, ["labels", "--to", "http://127.0.0.1:9"], "expected --format"],
  ["an address that is none", 2, ["labels.csv", "--to", "ftp://x"], "expected a URL such as"],
  [
    "an answer that is no refusal",
    2,
    ["labels.csv", "--to", "http://127.0.0.1:9", "--ignore", "late"],
    "expected one of expired",
  ],
])(
  "refuses %s with %i",
  async (_, expected, options, message) => {
    const { code, stderr } = await run(options, '{"token":"t"}\n');
    expect(code).toBe(expected);
    expect(stderr).toContain(message);
  },
  LIMIT_MILLISECONDS,
);

test.each([
  ["a collector that is not there", '{"token":"t"}\n'],
  ["labels that never come", undefined],
])(
  "waits for %s no longer than it may",
  async (_, input) => {
    const options = ["-", "--format", "NDJSON", "--to", "http://127.0.0.1:9", "--timeout", "1s"];
    const { code, stderr } = await run(options, input);
    expect([code, stderr]).toEqual([4, expect.stringContaining("error: the time for the import is over\n")]);
  },
  LIMIT_MILLISECONDS,
);

test(
  "does not try again what will be as wrong the next time",
  async () => {
    const answering: RequestListener = (request, response) => {
      request.resume();
      response.on("error", () => {});
      response.end(Buffer.alloc(17 * 1_048_576));
    };
    const { code, stderr } = await serving(answering, (url) =>
      run(["-", "--format", "NDJSON", "--to", url], '{"token":"t"}\n'),
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: .* answers too much: /)]);
  },
  LIMIT_MILLISECONDS,
);

test("a label that is stored is no failure, and each refusal is one", () => {
  const none = { accepted: 5, duplicate: 5, late: 5, expired: 0, forged: 0, foreign: 0, malformed: 0 };
  expect(importExitCode(none, [])).toBe(0);
  for (const answer of ["expired", "forged", "foreign", "malformed"] as const) {
    expect(importExitCode({ ...none, [answer]: 1 }, [])).toBe(1);
    expect(importExitCode({ ...none, [answer]: 1 }, [answer])).toBe(0);
  }
});
