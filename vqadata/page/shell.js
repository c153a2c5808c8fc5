// What every page can do: make elements, read its data, change its colours, show one part of it.

/** The first element that matches. */
const find = (selector, root = document) => root.querySelector(selector);

/** Characters that are not seen, or that make text read otherwise than it is stored. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u2028\u2029\ue000-\uf8ff]/g;

/**
 * An element with attributes and children. Children are elements or text, and text stays text:
 * nothing on a page is ever put in as HTML.
 */
function make(tag, attributes = {}, ...children) {
  const element = tag === "svg" || SVG_TAGS.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}
const SVG_TAGS = new Set(["rect", "g", "title"]);

/** Text as it is stored: what cannot be seen is named, and its direction touches nothing else. */
function shown(text) {
  const value = String(text ?? "");
  const parts = [];
  let start = 0;
  for (const hit of value.matchAll(UNSEEN)) {
    const code = hit[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push(value.slice(start, hit.index), make("span", { class: "hidden-character" }, `U+${code}`));
    start = hit.index + hit[0].length;
  }
  return make("bdi", {}, ...parts, value.slice(start));
}

/** A number as a person reads it. */
const counted = (number) => number.toLocaleString("en");

/** Base64 that stands in the page, by its number. */
const blob = (number) => find(`#blob-${number}`).textContent;

/** A block of data of the page: base64 of compressed JSON. */
async function unpack(name) {
  const text = atob(find(`#data-${name}`).textContent);
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).json();
}

/** Rows of a list that came as columns. */
class Table {
  constructor(columns) {
    this.columns = columns;
    const lengths = Object.values(columns).map((c) => (c.rows ?? c).length);
    this.length = lengths[0] ?? 0;
  }
  get(row, name) {
    const column = this.columns[name];
    if (column === undefined) return null;
    return column.rows ? column.values[column.rows[row]] : column[row];
  }
  row(row) {
    return Object.fromEntries(Object.keys(this.columns).map((name) => [name, this.get(row, name)]));
  }
}

/** Something to keep from one visit to the next; browsers may refuse that to a file. */
const memory = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* then not */ } },
};

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}
setTheme(memory.get("theme"));
find("#theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme
    ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const theme = now === "dark" ? "light" : "dark";
  setTheme(theme);
  memory.set("theme", theme);
});

/** The part of the page that the address names, and what it says of it: `#findings?code=blank`. */
function place() {
  const [part, query] = location.hash.slice(1).split("?");
  return { part, query: new URLSearchParams(query ?? "") };
}

/** What scrolls sideways can be reached by keys. */
function wideBoxes() {
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
addEventListener("resize", wideBoxes);

/** Show the part that the address names; call `arrived` with its name and query. */
function followAddress(arrived) {
  const parts = [...document.querySelectorAll(".part")];
  const go = () => {
    const { part, query } = place();
    const name = parts.some((p) => p.id === part) ? part : parts[0].id;
    for (const p of parts) p.hidden = p.id !== name;
    for (const tab of document.querySelectorAll(".tabs a")) {
      const chosen = tab.getAttribute("href") === `#${name}`;
      tab.setAttribute("aria-selected", chosen);
      if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    if (part !== "main") scrollTo(0, 0);
    wideBoxes();
    arrived(name, query);
  };
  addEventListener("hashchange", go);
  go();
}

find(".tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const tabs = [...document.querySelectorAll(".tabs a")];
  const here = tabs.indexOf(document.activeElement);
  if (step && here >= 0) tabs[(here + step + tabs.length) % tabs.length].focus();
});

// A row of a table with one link is a link as a whole.
document.addEventListener("click", (event) => {
  const row = event.target.closest?.("tr.go");
  if (row && !event.target.closest("a") && !getSelection().toString()) find("a", row).click();
});
