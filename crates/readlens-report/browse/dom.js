// Elements of the page, made by hand. What a table holds becomes text or the value of an attribute,
// and never markup.

/** A new element with these attributes and children; a text child becomes a text node. */
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same, of a drawing. */
function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The element of the page with this id. */
function byId(id) {
  return document.getElementById(id);
}

/** A button that does `act`. */
function button(text, act, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

/** A name from a table in an element that keeps its direction of writing to itself. */
function name(text, limit = 96) {
  const shown = visible(text, limit);
  return element("bdi", shown === text ? {} : { title: visible(text, 1000) }, shown);
}
