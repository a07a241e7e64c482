// A figure and where it comes from: predicted, measured, stated, or calibrated by runs on this machine.
import { element } from "./dom.js";

const MEANING = {
  predicted: "worked out from the model and the box",
  measured: "measured on this machine",
  stated: "as its maker states",
  calibrated: "predicted, and corrected by runs on this machine",
};

/** The word behind a figure; a name that is not known yet is shown as it came. */
export const origin = (source) => element("small", { class: "origin", title: MEANING[source] ?? null }, source);
