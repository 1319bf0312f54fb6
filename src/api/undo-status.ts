/**
 * What the operator reports of undoing: which revisions have served, and whether an undo stands.
 *
 * It is the operator's memory. An undo that stands here keeps the model that it undid from its traffic, however often
 * the same spec is applied, and whatever becomes of the annotation that asked for it.
 */
import Type from "typebox";

/** Longest request to undo that is read: a token, a blank, the name of a revision. */
export const MAXIMUM_UNDO_LENGTH = 128;

/** Most revisions that are remembered as having served: more than are kept without a role. */
export const MAXIMUM_SERVED = 16;

/** Most models that one undo is about: of stable, of a release under way, of the spec, and of undos before it. */
export const MAXIMUM_UNDONE = 8;

const revision = (description: string) => Type.String({ maxLength: 63, description });

/** JSON Schema of the revisions that have served. */
export const servedStatusSchema = Type.Object(
  {
    revisions: Type.Array(revision("Name of a ControllerRevision."), {
      maxItems: MAXIMUM_SERVED,
      "x-kubernetes-list-type": "atomic",
      description: "Model revisions that were stable and had traffic, the latest last.",
    }),
    former: Type.Optional(
      revision(
        "The model revision that served before the stable one, which an undo goes back to. Absent where that is not known, and where stable is the older one of the two: then the other one is what somebody went back from.",
      ),
    ),
  },
  { description: "Which model revisions have served." },
);

/** JSON Schema of a model that was undone: what tells it from others. */
const undoneModelSchema = Type.Object(
  {
    uri: Type.String({ maxLength: 2048, description: "Where it is." }),
    digest: Type.Optional(Type.String({ maxLength: 71, description: "Its digest." })),
  },
  { description: "A model." },
);

const undoneSchema = (description: string) =>
  Type.Array(undoneModelSchema, {
    maxItems: MAXIMUM_UNDONE,
    "x-kubernetes-list-type": "atomic",
    description,
  });

/** JSON Schema of an undo that stands. */
const standingUndoSchema = Type.Object(
  {
    request: Type.String({
      maxLength: MAXIMUM_UNDO_LENGTH,
      description:
        "Value of the annotation `petrel.dev/undo` that asked for it, or the name of the reaction to an anomaly.",
    }),
    because: Type.Optional(
      Type.String({
        maxLength: 256,
        description: "The anomaly that it followed from; absent where a person asked for it.",
      }),
    ),
    since: Type.String({ format: "date-time", maxLength: 32, description: "Since when it stands." }),
    revision: revision("The model revision that it goes back to."),
    undone: undoneSchema("While the spec states one of these models, the undo stands."),
    retry: Type.Optional(
      Type.String({
        maxLength: 64,
        description: "Value of the annotation `petrel.dev/retry` when it began. Another one ends it.",
      }),
    ),
    next: Type.Optional(
      revision(
        "The model revision of the spec that is released once the way back is done; absent while the spec states what was undone.",
      ),
    ),
  },
  { description: "The undo that stands." },
);

/** JSON Schema of what became of requests to undo. */
export const undoStatusSchema = Type.Object(
  {
    request: Type.String({
      maxLength: MAXIMUM_UNDO_LENGTH,
      description:
        "The latest value of the annotation `petrel.dev/undo` that was decided about. The same one again is no request.",
    }),
    refusal: Type.Optional(
      Type.String({ maxLength: 1024, description: "Why it was refused; absent where it was not." }),
    ),
    standing: Type.Optional(standingUndoSchema),
    undone: Type.Optional(
      undoneSchema(
        "What the last undo was about, once it is over: the next one stands against these models as well.",
      ),
    ),
  },
  { description: "What became of requests to undo." },
);

/** Which revisions have served. */
export type ServedStatus = Type.Static<typeof servedStatusSchema>;
/** A model that was undone. */
export type UndoneModel = Type.Static<typeof undoneModelSchema>;
/** An undo that stands. */
export type StandingUndo = Type.Static<typeof standingUndoSchema>;
/** What became of requests to undo. */
export type UndoStatus = Type.Static<typeof undoStatusSchema>;
