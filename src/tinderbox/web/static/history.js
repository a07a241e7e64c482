// The list of conversations: choose, rename in place, delete with a way back.
import { element, iconButton } from "./dom.js";
import { titleOf } from "./conversation.js";

/** `choose`, `rename(conversation, title)`, `remove(conversation)`. */
export function startHistory(list, { choose, rename, remove }) {
  function row(conversation, current, answering) {
    const title = titleOf(conversation);
    const open = element(
      "button",
      {
        type: "button",
        class: "open",
        title,
        "aria-current": current && "true",
        on: { click: () => choose(conversation), dblclick: () => startRenaming() },
      },
      title,
    );
    const node = element(
      "li",
      { "data-answering": answering && "yes" },
      open,
      iconButton("edit", `Rename ${title}`, () => startRenaming()),
      iconButton("bin", `Delete ${title}`, () => remove(conversation)),
    );

    function startRenaming() {
      const field = element("input", { class: "rename", "aria-label": "Name of the chat", maxlength: "120" });
      let over = false;
      const end = (keep) => {
        if (over) return;
        over = true;
        const back = document.activeElement === field;
        rename(conversation, keep ? field.value.trim() : conversation.title);
        if (back) list.querySelector("[aria-current]")?.focus();
      };
      field.value = title;
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter") end(true);
        if (event.key === "Escape") end(false);
        event.stopPropagation();
      });
      field.addEventListener("blur", () => end(true));
      node.replaceChildren(field);
      field.select();
    }

    return node;
  }

  return {
    show(conversations, current, isAnswering) {
      if (list.querySelector(".rename")) return; // somebody is typing there
      list.replaceChildren(...conversations.map((each) => row(each, each === current, isAnswering(each))));
    },
    /** The field of a name that was being typed is closed. */
    close: () => list.querySelector(".rename")?.remove(),
  };
}
