// What the page says about itself: what it is doing, and what went wrong.

/** Says what happened; screen readers read it out. */
function say(message) {
  byId("status").textContent = message;
}

/** Adds a remark that stays. */
function note(message, isFault = false) {
  byId("notes").append(element("li", { class: isFault ? "fault" : "" }, message));
}

/** Shows an error where the reader sees it. */
function fail(error) {
  const message = error instanceof Unreadable ? error.message : `The page failed: ${visible(String(error), 300)}`;
  note(message, true);
  say("");
}
