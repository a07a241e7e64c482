// Markdown that grows: text is appended, and only the block that is still open is made again.
import DOMPurify from "./vendor/dompurify/purify.es.mjs";
import highlighter from "./vendor/highlight/highlight.min.js";
import { Marked } from "./vendor/marked/marked.esm.js";
import { copyFrom } from "./clipboard.js";
import { element, icon } from "./dom.js";

const escape = (text) =>
  text.replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);

// Of raw HTML only these bare tags mean something here. Any other is shown as the text it is: people ask about HTML.
const PLAIN_TAG = /^<\/?(?:br|sub|sup|kbd|b|i|u|s|mark|details|summary)\s*\/?>$/i;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => text.replace(/<[^>]*>?/g, (tag) => (PLAIN_TAG.test(tag) ? tag : escape(tag))),
    // Pictures would be fetched from elsewhere; a link leaves that to the reader.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
    code: ({ text, lang }) => {
      const language = (lang ?? "").split(/\s/, 1)[0].toLowerCase();
      const code = highlighter.getLanguage(language)
        ? highlighter.highlight(text, { language, ignoreIllegals: true }).value
        : escape(text);
      return `<pre class="language-${escape(language || "text")}"><code>${code}</code></pre>`;
    },
  },
});

const ALLOWED = {
  ALLOWED_TAGS: (
    "p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong b i u s del mark a table thead tbody tr th td " +
    "span sub sup kbd details summary input"
  ).split(" "),
  ALLOWED_ATTR: ["href", "class", "start", "type", "checked", "disabled", "align"],
  ADD_URI_SAFE_ATTR: ["start", "type", "checked", "disabled", "align"], // else held to the rule for addresses
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  RETURN_DOM_FRAGMENT: true,
};

/** The nodes of one block. Whatever the model wrote, what leaves here has no script, no form and no address to fetch. */
function nodes(token, parser) {
  const fragment = DOMPurify.sanitize(parser([token]), ALLOWED);
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const box of fragment.querySelectorAll("input")) {
    box.disabled = true;
    if (box.type !== "checkbox") box.remove();
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = element("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const block of fragment.querySelectorAll("pre")) frameCode(block);
  return [...fragment.childNodes];
}

function frameCode(block) {
  const language = block.className.replace("language-", "");
  const copy = element(
    "button",
    { type: "button", class: "copy-code", "aria-label": "Copy code" },
    icon("copy"),
    element("span", {}, "Copy"),
  );
  copy.addEventListener("click", () => copyFrom(copy, block.textContent.replace(/\n$/, "")));
  block.tabIndex = 0; // wide code is scrolled, and by the keyboard too
  const frame = element("div", { class: "code" }, element("div", { class: "code-bar" }, language, copy));
  block.replaceWith(frame);
  frame.append(block);
}

// A link may be defined after its use: such a text is made again once it is whole.
const HAS_DEFINITIONS = /^ {0,3}\[[^\]]+\]:/m;

/**
 * Shows a text that only grows in `target`. All blocks but the last are settled: more text cannot change them, so
 * neither the lexer nor the sanitiser sees them again, and a selection in them stays.
 */
export function growingMarkdown(target) {
  let settled = 0; // characters
  let open = []; // nodes of the blocks that may still change

  function render(text) {
    const tokens = marked.lexer(text.slice(settled));
    let last = tokens.length - 1;
    while (last > 0 && tokens[last].type === "space") last -= 1;
    for (const node of open) node.remove();
    open = [];
    tokens.forEach((token, index) => {
      const made = nodes(token, marked.parser.bind(marked));
      target.append(...made);
      if (index < last) settled += token.raw.length;
      else open.push(...made);
    });
  }

  return {
    render: (text) => render(text.replaceAll("\r\n", "\n")),
    /** The text is whole. */
    finish(text) {
      if (!HAS_DEFINITIONS.test(text)) return;
      settled = 0;
      open = [];
      target.replaceChildren();
      const tokens = marked.lexer(text.replaceAll("\r\n", "\n"));
      for (const token of tokens) target.append(...nodes(token, marked.parser.bind(marked)));
    },
  };
}
