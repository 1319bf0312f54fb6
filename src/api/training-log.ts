/**
 * What is kept of requests and labels for training: a sample of both, in a bucket.
 *
 * Of the requests it shapes pods: a field added here must be optional and without a default, or an upgrade restarts all
 * pods that keep a log. Secrets stand here by name only.
 */
import Type from "typebox";
import { proxySchema, s3Schema } from "./fetch.ts";
import { keyReferenceSchema } from "./key-reference.ts";
import { percentageSchema } from "./percentage.ts";
import { type CelRule, matching } from "./schema.ts";

/** JSON Schema of it. */
export const trainingLogSchema = Type.Object(
  {
    bucket: Type.String({
      minLength: 8,
      maxLength: 512,
      ...matching(
        "^s3://[a-z0-9][-.a-z0-9]*[a-z0-9](/[A-Za-z0-9][-_.=A-Za-z0-9]*)*$",
        "must be s3://BUCKET or s3://BUCKET/PREFIX, each part of the prefix of letters, digits and -_.=; put no slash at its end",
      ),
      description:
        "Where it goes: `s3://BUCKET/PREFIX`. Requests are written below `PREFIX/requests/`, labels below `PREFIX/labels/`. Each ModelDeployment needs a prefix of its own.",
    }),
    sample: percentageSchema(
      "Share of the requests that are kept, with their labels: `1%`. Which ones follows from the ids of their tokens.",
    ),
    maxBytesPerMinute: Type.Optional(
      Type.String({
        maxLength: 6,
        ...matching(
          "^[1-9][0-9]{0,3}(k|M|G|Ki|Mi|Gi)$",
          "must be a whole number of up to four digits and one of k, M, G, Ki, Mi and Gi, such as 512Ki",
        ),
        description:
          "Most bytes of lines a minute, before they are packed, of each pod: `512Ki`; 4Mi unless stated. What is beyond is dropped and counted.",
      }),
    ),
    maximumRows: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 63,
        description:
          "Rows of a request that are kept, the first ones, beside one that is drawn from all; 16 unless stated.",
      }),
    ),
    s3: Type.Optional(s3Schema),
    certificateAuthority: Type.Optional(
      keyReferenceSchema(
        "Certificate authorities in PEM form that the store is trusted by, besides the well-known ones.",
      ),
    ),
    proxy: Type.Optional(proxySchema),
  },
  {
    description:
      "Keeps a sample of the requests, with the score and the features of `observe`, and of their labels in a bucket, as NDJSON. What the bucket does not take in time is dropped: neither requests nor labels ever wait for it. A change replaces the pods, one by one, without a new revision; another set of Secrets restarts the collector.",
  },
);

const log = "self.quality.log";
const logs = "has(self.quality) && has(self.quality.log)";

/** Rules over the spec. */
export const trainingLogRules: readonly CelRule[] = [
  {
    rule: `!(${logs}) || has(self.quality.observe)`,
    message: "spec.quality.log: needs spec.quality.observe, which says what of a request is kept",
  },
  {
    rule: `!(${logs}) || (double(${log}.sample.replace('%', '')) > 0.0 && double(${log}.sample.replace('%', '')) <= 100.0)`,
    message: "spec.quality.log.sample: must be above 0% and at most 100%",
  },
  {
    rule: `!(${logs}) || !has(${log}.s3) || !has(${log}.s3.credentialsSecret) || !has(${log}.s3.webIdentity)`,
    message: "spec.quality.log.s3: credentialsSecret and webIdentity exclude each other; remove one of them",
  },
];

/** What is kept for training. */
export type TrainingLogSpec = Type.Static<typeof trainingLogSchema>;
