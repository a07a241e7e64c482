// One job: how far it is, what came of it, and what can be done about it.
import { forgetJob, jobLog, resumeJob, stopJob } from "./box.js";
import { curvesView } from "./curves.js";
import { element, orderButton } from "./dom.js";
import { bytes, clock } from "./units.js";

const LONGEST = 100_000; // letters of a log: the last ones are shown
const NEAR = 40; // pixels from its end, where a log follows what is added

export const isOver = ({ state }) => ["done", "failed", "stopped"].includes(state);

/** "quantise smollm2:135m q4_0". */
export const workOf = ({ kind, arguments: { model, type } }) => [kind, model, type].filter(Boolean).join(" ");

/** What there is to say of it in one line. */
function note({ state, result, error, message }) {
  if (state === "done" && result?.size) return `${result.model}, ${bytes(result.size)}`;
  return error ?? message;
}

const times = ({ created, started, ended }) =>
  [
    started ? `started ${clock(started)}` : `asked for ${clock(created)}`,
    ended && `ended ${clock(ended)}`,
  ].filter(Boolean).join(" · ");

/** Stop, Resume, Remove: those that its state allows. `changed` is called when the box has done so. */
function actions(number, problem, changed) {
  const button = (words, order) => {
    const act = orderButton(() => order(number).then(changed), problem, { "aria-label": `${words} job ${number}` });
    act.textContent = words;
    return act;
  };
  const [stop, resume, remove] = [button("Stop", stopJob), button("Resume", resumeJob), button("Remove", forgetJob)];
  return {
    node: element("div", { class: "buttons" }, stop, resume, remove),
    update(job) {
      const focused = document.activeElement;
      stop.hidden = isOver(job);
      resume.hidden = job.state !== "failed" && job.state !== "stopped";
      remove.hidden = !isOver(job);
      if (focused.hidden) [stop, resume, remove].find(({ hidden }) => !hidden).focus();
    },
  };
}

/** The parts that a row and the job's own page share. */
function progressParts() {
  const state = element("span", { class: "state" });
  const bar = element("progress", { max: 1 });
  const share = element("span", { class: "amount" });
  const words = element("p", { class: "note" });
  const when = element("p", { class: "quiet" });
  function update(job) {
    state.textContent = job.state;
    state.dataset.state = job.state;
    const known = job.progress != null && job.state !== "done";
    bar.hidden = !known;
    bar.value = job.progress ?? 0;
    bar.setAttribute("aria-label", `Job ${job.number}`);
    share.textContent = known ? `${Math.round(100 * job.progress)} %` : "";
    words.textContent = note(job);
    words.classList.toggle("problem", job.error != null);
    when.textContent = times(job);
  }
  return { state, bar, share, words, when, update };
}

/** A row of the list, for `keyed`. */
export function jobRow(first, changed) {
  const parts = progressParts();
  const problem = element("p", { class: "problem", role: "alert" });
  const act = actions(first.number, problem, changed);
  const name = element("a", { href: `#jobs/${first.number}` }, `${first.number}. ${workOf(first)}`);
  const node = element(
    "li",
    {},
    element("p", { class: "who" }, name, " ", parts.state),
    act.node,
    element("div", { class: "progress" }, parts.bar, parts.share),
    parts.words,
    parts.when,
    problem,
  );
  function update(job) {
    parts.update(job);
    act.update(job);
  }
  return { node, update };
}

/** The job's own page. It follows its log from the first `update` until `close()`, and from `follow()` on again. */
export function jobPage(first, changed) {
  const parts = progressParts();
  const problem = element("p", { class: "problem", role: "alert" });
  const act = actions(first.number, problem, changed);
  const curves = curvesView();
  const log = element("pre", { tabindex: "0", "aria-label": "What it has written" });
  const title = element("h2", { tabindex: "-1" }, `Job ${first.number}: ${workOf(first)}`);
  let following = null;
  let state = null;
  const node = element(
    "div",
    {},
    element("p", {}, element("a", { href: "#jobs" }, "All jobs")),
    title,
    element(
      "section",
      { class: "card about", "aria-label": "Job" },
      element("p", { class: "who" }, parts.state),
      act.node,
      element("div", { class: "progress" }, parts.bar, parts.share),
      parts.words,
      parts.when,
      element("p", { class: "quiet" }, `${bytes(first.predicted)} of memory predicted`),
      problem,
    ),
    curves.node,
    element("section", { class: "card", "aria-labelledby": "log-title" }, element("h3", { id: "log-title" }, "Log"), log),
  );

  async function follow() {
    following?.abort();
    following = new AbortController();
    const { signal } = following;
    let text = "";
    try {
      for await (const piece of jobLog(first.number, signal)) {
        const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
        text = (text + piece).slice(-LONGEST);
        log.textContent = text;
        if (atEnd) log.scrollTop = log.scrollHeight;
      }
      if (text === "") log.textContent = "It has written nothing.";
    } catch {
      // Nobody looks any more, or the line broke: the next look begins again.
    }
  }

  return {
    node,
    title,
    update(job, jobs) {
      parts.update(job);
      act.update(job);
      curves.update(job, jobs);
      if (state === null || (state !== job.state && job.state === "waiting")) follow(); // resumed: it writes again
      state = job.state;
    },
    follow,
    close: () => following?.abort(),
  };
}
