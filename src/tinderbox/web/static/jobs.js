// The view of the jobs: all of them, one of them (`#jobs/7`), and how a new one begins.
import { jobs as fetchJobs } from "./box.js";
import { element, keyed } from "./dom.js";
import { isOver, jobPage, jobRow } from "./job.js";
import { startQuantise } from "./quantise.js";

const EVERY = 2000; // milliseconds between two looks while something goes on

const asked = () => Number(/^#jobs\/(\d+)$/.exec(location.hash)?.[1]) || null;

/** `places` are the view's elements; `finished(job)` is called when a job that went on is done. */
export function startJobs(places, finished) {
  const showRows = keyed(places.list, ({ number }) => number, (job) => jobRow(job, refresh));
  const quantise = startQuantise(places.quantise, (job) => {
    location.hash = `#jobs/${job.number}`;
  });
  let jobs = [];
  let page = null;
  let visible = false;
  let timer = 0;
  let held = "";

  function closePage() {
    page?.close();
    page = null;
    places.one.replaceChildren();
  }

  function showPage(number) {
    const job = jobs.find((each) => each.number === number);
    if (page?.number !== number) closePage();
    if (job === undefined) {
      const words = jobs.length ? `There is no job ${number} any more. ` : "";
      places.one.replaceChildren(element("p", {}, words, element("a", { href: "#jobs" }, "All jobs")));
      return;
    }
    if (page === null) {
      page = { number, ...jobPage(job, refresh) };
      places.one.replaceChildren(page.node);
      page.title.focus();
    }
    page.update(job, jobs);
  }

  function show() {
    const number = asked();
    places.all.hidden = number !== null;
    places.one.hidden = number === null;
    if (number === null) closePage();
    else showPage(number);
    showRows(jobs.toReversed());
  }

  async function refresh() {
    clearTimeout(timer);
    if (!visible || document.hidden) return;
    try {
      const before = new Map(jobs.map((job) => [job.number, job]));
      jobs = await fetchJobs();
      places.problem.textContent = "";
      places.none.hidden = jobs.length > 0;
      for (const job of jobs) {
        const was = before.get(job.number);
        if (was && !isOver(was) && job.state === "done") finished(job);
      }
      show();
    } catch (error) {
      places.problem.textContent = error.message;
    }
    clearTimeout(timer);
    if (visible && jobs.some((job) => !isOver(job))) timer = setTimeout(refresh, EVERY);
  }

  function lookAgain() {
    refresh();
    if (document.hidden) page?.close(); // a page that nobody looks at must not keep a connection
    else page?.follow();
  }

  document.addEventListener("visibilitychange", lookAgain);
  return {
    /** What the box's events say: a job that came into the memory or left it is looked at. */
    hear({ leases, waiting = [] }) {
      const now = [...leases, ...waiting].filter(({ kind }) => kind === "job").map(({ holder }) => holder).join();
      if (now !== held) refresh();
      held = now;
    },
    there: lookAgain,
    offer: quantise.offer,
    shown() {
      visible = true;
      show();
      refresh();
    },
    hidden() {
      visible = false;
      clearTimeout(timer);
      closePage();
    },
    focus: () => (asked() === null ? places.title.focus() : page?.title.focus()),
  };
}
