// The address of a window: the page's own, with the window behind the `#`.

/** Makes the address that of this window, without a step in the browser's history. */
function linkTo(id, window) {
  location.replace(`#${new URLSearchParams({ id, window })}`);
}

/** The place of the window that the address names; -1 where it names none. */
function linkedPlace(windows) {
  const named = new URLSearchParams(location.hash.slice(1));
  return named.has("id") ? windows.find(named.get("id"), Number(named.get("window"))) : -1;
}
