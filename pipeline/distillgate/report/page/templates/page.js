"use strict";
// What every section's script may use: elements, items, and the state that the page's address holds.
const $ = (id) => document.getElementById(id);
const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
const count = (number) => number.toLocaleString("en");
const data = $("item-data") && JSON.parse($("item-data").textContent);
const text = (places) => places.map((place) => data.lines[place]).join("\n");
const facets = new Map((data?.facets ?? []).map(([name, title, values], place) =>
  [name, { title, values, of: (item) => values[item.facets[place]] }]));

// #item=… and #outcome=lost&page=2 are a state, #gates leads to a section.
const address = {
  read: () => location.hash.includes("=") ? new URLSearchParams(location.hash.slice(1)) : null,
  write: (state) => history.replaceState(null, "", `#${state.size ? state : "items"}`),
};

// A table of class "sortable" sorts by a click on a heading; "21 s", "$0.36" and "31.2 %" count as numbers.
const UNITS = { "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, k: 1e3, M: 1e6 };
const magnitude = (shown) => {
  const found = /^[^\d+-]{0,3}([+-]?[\d,]*\.?\d+)\s*(µs|ms|s|min|h|k|M)?(?![a-z])/.exec(shown.replace(/^-\$/, "$-"));
  return found ? Number(found[1].replaceAll(",", "")) * (UNITS[found[2]] ?? 1) : null;
};
const compare = (one, other) => {
  const [first, second] = [magnitude(one), magnitude(other)];
  return first === null || second === null ? one.localeCompare(other, "en") : first - second;
};
const heading = (cell, sort) => {
  const label = cell.textContent;
  if (!label) return;
  const button = make("button", { type: "button" }, label);
  button.addEventListener("click", sort);
  cell.replaceChildren(button);
};
const sortable = (table) => [...table.tHead.rows[0].cells].forEach((cell, column) => heading(cell, () => {
  const down = cell.getAttribute("aria-sort") === "descending" || (column === 0 && !cell.hasAttribute("aria-sort"));
  const rows = [...table.tBodies[0].rows].sort((one, other) =>
    compare(one.cells[column].innerText, other.cells[column].innerText) * (down ? 1 : -1));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  cell.setAttribute("aria-sort", down ? "ascending" : "descending");
  table.tBodies[0].append(...rows);
}));
document.querySelectorAll("table.sortable").forEach((table) => { if (table.tHead.rows.length) sortable(table); });

{
  const links = new Map([...document.querySelectorAll(".bar nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => entries.filter((one) => one.isIntersecting).forEach(({ target }) => {
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(target.id), list = link.closest("ul");
    link.setAttribute("aria-current", "true");
    list.scrollLeft = link.offsetLeft - list.offsetLeft - 24;
  }), { rootMargin: "-30% 0px -65%" });
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("#gates details:not([open]), #provenance details:not([open])")];
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
}
