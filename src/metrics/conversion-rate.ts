/**
 * Conversion rate: how many answers led to an order.
 */
import { labelledShare } from "./labelled-share.ts";

/** Conversion rate. */
export const conversionRate = labelledShare({
  type: "ConversionRate",
  title: "Conversion rate",
  definition: "Share of requests with at least one order. A request without feedback counts as 0.",
  forks: [
    "Orders divided by clicks: a change of clicks alone then looks like one of orders; LabelRatio can do it.",
  ],
  source: "Kohavi, Tang, Xu 2020, Trustworthy Online Controlled Experiments",
  defaultLabel: "order",
  of: "an order",
});
