import { expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { type TrainingLogSpec, trainingLogSchema } from "../api/training-log.ts";
import { trainingLogSettings } from "../render/training-log-store.ts";
import { parseTrainingLog } from "./log-settings.ts";

const FOLDER = { folder: "/logs" };

test("says how much is kept, where, and how the store is reached", () => {
  expect(parseTrainingLog(FOLDER, "log")).toEqual({
    folder: "/logs",
    sample: 1,
    bytesPerMinute: Number.POSITIVE_INFINITY,
    onlyWithToken: false,
    maximumWaitingBytes: 8_388_608,
    maximumFileBytes: 67_108_864,
    maximumFolderBytes: 1_073_741_824,
    fileMilliseconds: 300_000,
    bucket: undefined,
  });
  const bucket = { name: "training", endpoint: "https://store.example", proxy: { url: "http://proxy:1" } };
  expect(parseTrainingLog({ ...FOLDER, sample: "0.25%", bucket }, "log")).toMatchObject({
    sample: 0.0025,
    maximumFileBytes: 4_194_304,
    bucket: { name: "training", prefix: "", endpoint: "https://store.example", proxy: { exceptions: [] } },
  });
});

test.each([
  [{}, "expected log.folder to be a text"],
  [{ ...FOLDER, sample: "101%" }, 'expected log.sample to be a share such as "1%"'],
  [{ ...FOLDER, bytesPerMinute: 0 }, "expected log.bytesPerMinute to be a number from 1"],
  [{ ...FOLDER, onlyWithToken: 1 }, "expected log.onlyWithToken to be true or false"],
  [{ ...FOLDER, fileAge: "0s" }, "expected log.fileAge to be a duration from 1s to 24h"],
  [{ ...FOLDER, bucket: {} }, "expected log.bucket.name to be a text"],
  [{ ...FOLDER, bucket: { name: "a", secret: "b" } }, "expected log.bucket to have only name"],
  [{ ...FOLDER, bucket: { name: "a", proxy: {} } }, "expected log.bucket.proxy.url to be a text"],
  [
    { ...FOLDER, maximumFileBytes: 2 ** 25, bucket: { name: "a" } },
    "expected log.maximumFileBytes to be a number from 65536 to 16777216",
  ],
])("refuses %j", (value, message) => {
  expect(() => parseTrainingLog(value, "log")).toThrow(message);
});

test("whatever a spec may say is taken: what one says wrong would keep the collector from all others", () => {
  const longest = (start: string, length: number) => start.padEnd(length, "a");
  const server = longest("https://", 512);
  const spec: TrainingLogSpec = {
    bucket: longest("s3://bb/", 512),
    sample: "99.99%",
    maxBytesPerMinute: "9999Gi",
    maximumRows: 63,
    s3: {
      endpoint: server,
      region: longest("", 64),
      webIdentity: { audience: longest("", 512), roleArn: longest("arn:", 2_048), tokenService: server },
    },
    certificateAuthority: { kind: "ConfigMap", name: longest("", 253), key: longest("", 253) },
    proxy: { url: server, exceptions: Array.from({ length: 64 }, () => longest("", 253)) },
  };
  const byKeys = { ...spec, s3: { credentialsSecret: longest("", 253) }, maxBytesPerMinute: "1k" };
  const schema = Compile(trainingLogSchema);
  for (const each of [spec, byKeys]) {
    expect(schema.Check(each)).toBe(true);
    const rendered = JSON.parse(JSON.stringify({ ...FOLDER, ...trainingLogSettings(each) }));
    expect(parseTrainingLog(rendered, "log").bucket?.authorities).toBe(rendered.bucket.authorities);
  }
  for (const rate of ["10000Gi", "1Ti", "0Mi", "512"]) {
    expect(schema.Check({ ...spec, maxBytesPerMinute: rate })).toBe(false);
  }
});
