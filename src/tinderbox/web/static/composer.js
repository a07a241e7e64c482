// Where a message is written. Enter sends, Shift+Enter makes a line, Escape stops the answer, ↑ edits the last one.

/** `send(text)`, `stop()`, `editLast()`; gives back `focus` and `show(answering, ready)`. */
export function startComposer({ field, sendButton, stopButton }, { send, stop, editLast }) {
  let ready = false;
  let answering = false;
  let wanted = false; // Enter came before the models were known

  function show() {
    sendButton.hidden = answering;
    stopButton.hidden = !answering;
    sendButton.disabled = !ready || field.value.trim() === "";
  }

  function submit() {
    const text = field.value.trim();
    wanted = !ready && text !== "";
    if (!ready || answering || !text) return;
    field.value = "";
    send(text);
    show();
  }

  field.addEventListener("input", () => {
    wanted = false;
    show();
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter belongs to the input method
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
    if (event.key === "ArrowUp" && field.value === "" && !answering) {
      event.preventDefault();
      editLast();
    }
  });
  sendButton.addEventListener("click", submit);
  stopButton.addEventListener("click", () => {
    stop();
    field.focus();
  });

  return {
    focus: () => field.focus(),
    show(state) {
      ({ answering, ready } = state);
      show();
      if (wanted && ready) submit();
    },
  };
}
