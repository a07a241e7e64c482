// The key, where the box asks for one: shown to it once, and from then on the browser has a session.
import { endSession, session, showKey } from "./box.js";

const NO_COOKIE = "The box took the key, but this browser did not keep its cookie. Allow cookies for this address.";

/** `entered()` is called when the box has let this browser in, `closed()` when somebody would rather not. */
export function startDoor({ dialog, form, holder }, { entered, closed }) {
  const [key, problem] = [form.querySelector("input"), form.querySelector(".problem")];
  const button = form.querySelector("button");
  let inside = false;

  /** Throws where the box or the browser would not have it. */
  async function enter(words) {
    await showKey(words);
    await session().catch((error) => {
      throw error.status === 401 ? new Error(NO_COOKIE) : error;
    });
    inside = true;
    key.value = problem.textContent = "";
    if (dialog.open) dialog.close();
    else entered();
  }

  async function submit() {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    problem.textContent = "";
    try {
      await enter(key.value.trim());
    } catch (error) {
      problem.textContent = error.message;
      key.select();
    }
    button.ariaBusy = "false";
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (key.value.trim()) submit();
  });
  dialog.addEventListener("close", () => (inside ? entered() : closed()));
  holder.querySelector("button").addEventListener("click", async () => {
    await endSession().catch(() => {}); // one that has ended already needs no end
    location.reload();
  });

  return {
    ask() {
      inside = false;
      if (!dialog.open) dialog.showModal();
    },
    /** The key that an address printed by the box has brought along behind its `#`, which no server is sent. */
    async showKeyThatCame() {
      const [, words] = /^#key=([\w-]+)$/.exec(location.hash) ?? [];
      if (!words) return;
      history.replaceState(null, "", location.pathname);
      try {
        await enter(words);
      } catch (error) {
        problem.textContent = error.message; // seen if the box asks: one that came twice was good once
      }
    },
    /** Says in the settings whose key this is. */
    async showHolder() {
      const who = await session().catch(() => ({ session: false }));
      holder.hidden = !who.session;
      const words = who.key ? `uses the key ${who.key} (${who.scopes.join(", ")}).` : "was let in from the command line.";
      holder.querySelector("span").textContent = `This browser ${words}`;
    },
  };
}
