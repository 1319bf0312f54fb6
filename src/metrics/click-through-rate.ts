/**
 * Click-through rate: how many answers led to a click.
 */
import { labelledShare } from "./labelled-share.ts";

/** Click-through rate. */
export const clickThroughRate = labelledShare({
  type: "ClickThroughRate",
  title: "Click-through rate",
  definition: "Share of requests with at least one click on any row. A request without feedback counts as 0.",
  forks: [
    "Clicks divided by rows shown: that is ItemClickThroughRate.",
    "Clicks divided by requests, where several clicks of one request count several times: that is LabelRatio.",
  ],
  source: "Kohavi, Tang, Xu 2020, Trustworthy Online Controlled Experiments",
  defaultLabel: "click",
  of: "a click",
});
