// Conversations as they are kept in this browser: one entry each, so that saving one never rewrites the others.
import { forget, keys, load, save } from "./stored.js";

const START = "conversation.";
const TITLE_LENGTH = 60;

// Not crypto.randomUUID: that is missing where the page came over plain HTTP from another machine.
const newId = () => [...crypto.getRandomValues(new Uint8Array(9))].map((b) => b.toString(36).padStart(2, "0")).join("");

export const newConversation = (model) => ({ id: newId(), title: "", model, updated: Date.now(), messages: [] });

/** All that are kept, latest first. */
export const allConversations = () =>
  keys(START)
    .map((key) => load(key, null))
    .filter((kept) => kept?.id && Array.isArray(kept.messages))
    .map(settle)
    .sort((a, b) => b.updated - a.updated);

/** An answer that was under way when the page was closed will not go on. */
function settle(conversation) {
  for (const message of conversation.messages) if (isOpen(message)) message.state = "stopped";
  return conversation;
}

/** False where the browser has no room left. */
export const keep = (conversation) => save(START + conversation.id, conversation);

export const drop = (conversation) => forget(START + conversation.id);

export const titleOf = (conversation) =>
  conversation.title || conversation.messages[0]?.content.trim().slice(0, TITLE_LENGTH) || "New chat";

export const isOpen = (message) => message.state === "waiting" || message.state === "answering";

export const question = (content) => ({ role: "user", content });

export const openAnswer = (model) => ({ role: "assistant", model, content: "", reasoning: "", state: "waiting" });

/** What a model is sent: the system prompt, and all messages that have something to say. */
export function forModel(conversation, system) {
  const said = conversation.messages.filter((message) => message.content.trim() !== "");
  const messages = said.map(({ role, content }) => ({ role, content }));
  return system.trim() ? [{ role: "system", content: system }, ...messages] : messages;
}
