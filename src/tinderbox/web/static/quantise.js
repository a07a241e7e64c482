// The form that begins a job which makes a model smaller.
import { submitJob } from "./box.js";
import { element } from "./dom.js";

const MEANT = "Say that it is meant, or choose a model of 16 bits.";
const WHOLE = ["F32", "F16", "BF16"]; // what has lost nothing to quantising

/** `began(job)` is called with the job that the box has taken. */
export function startQuantise(form, began) {
  const { model, type, name, requantise } = form.elements;
  const [again, problem] = [requantise.closest("p"), form.querySelector(".problem")];
  const button = form.querySelector("button");
  let known = [];

  function show() {
    const chosen = known.find((each) => each.name === model.value);
    const lossy = chosen != null && chosen.quantisation != null && !WHOLE.includes(chosen.quantisation);
    again.hidden = !lossy;
    if (!lossy) requantise.checked = false;
    again.querySelector("label").textContent = lossy
      ? `${chosen.name} is ${chosen.quantisation} already: doing so again loses more than starting from F16. Do it nonetheless.`
      : "";
    name.placeholder = chosen ? `${chosen.name}-${type.value.toLowerCase()}` : "";
    button.disabled = chosen == null;
  }

  function wrong(error) {
    problem.textContent = error.message;
    const field = [...form.elements].find((each) => each.name && each.name === error.field);
    field?.setAttribute("aria-invalid", "true");
    field?.focus();
  }

  function mended() {
    problem.textContent = "";
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  async function submit() {
    if (button.ariaBusy === "true") return;
    mended();
    if (!again.hidden && !requantise.checked) return wrong({ message: MEANT, field: "requantise" });
    button.ariaBusy = "true";
    const asked = { model: model.value, type: type.value, requantise: requantise.checked };
    try {
      began(await submitJob("quantise", name.value.trim() ? { ...asked, name: name.value.trim() } : asked));
      name.value = "";
    } catch (error) {
      wrong(error);
    }
    button.ariaBusy = "false";
  }

  form.addEventListener("input", () => {
    mended();
    show();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  return {
    /** The models that are stored, as in /box/models. */
    offer(models) {
      known = models.filter(({ base }) => !base); // an adapter is no whole model
      const names = known.map((each) => each.name);
      if ([...model.options].map(({ value }) => value).join("\n") !== names.join("\n")) {
        const chosen = model.value;
        model.replaceChildren(...names.map((each) => element("option", {}, each)));
        if (names.includes(chosen)) model.value = chosen;
      }
      show();
    },
  };
}
