(() => {
  "use strict";
  const PAGE = 100;
  const $ = (id) => document.getElementById(id);
  const { players, items } = JSON.parse($("item-data").textContent);
  const body = $("item-table").tBodies[0];
  const filters = [...document.querySelectorAll("#filters select")].map((select) => select.id.replace("filter-", ""));
  const value = (item, name) => name.startsWith("slice-") ? item.slices[name.slice(6)] : item[name];
  let found = items, page = 0, opened = null;

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const words = (item) => (item.words ??= [
    item.id, item.expected, ...[...item.inputs, ...item.golden].map((pair) => pair[1]),
    ...item.answers.flatMap((one) => [one.answer, ...one.fields.map((pair) => pair[1])]),
  ].join("\n").toLowerCase());
  const pairs = (list) => make("dl", {}, ...list.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value))));

  const side = (one, index) => {
    const block = make("div", {}, make("h3", {}, `${players[index]}: ${one.answer}, ${one.verdict}`),
      pairs([...one.fields, ["took", one.took]]));
    if (one.place) block.append(make("p", {}, "recorded in ", make("a", { href: one.place[1] }, one.place[0])));
    return block;
  };
  const detail = (item) => {
    const cell = make("td", { colspan: 3 + players.length, role: "cell" }, pairs(item.inputs));
    const golden = make("div", {}, make("h3", {}, `expected: ${item.expected}`), pairs([...Object.entries(item.slices), ...item.golden]));
    cell.append(make("div", { class: "sides" }, golden, ...item.answers.map(side)));
    return make("tr", { class: "detail", role: "row", id: "detail" }, cell);
  };
  const toggle = (item, row, button) => {
    const again = opened?.item === item;
    if (opened) {
      opened.button.setAttribute("aria-expanded", "false");
      opened.button.removeAttribute("aria-controls");
      opened.shown.remove();
    }
    opened = null;
    if (again) return;
    const shown = detail(item);
    row.after(shown);
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", "detail");
    opened = { item, button, shown };
  };
  const row = (item) => {
    const text = item.inputs.length ? item.inputs[0][1] : "";
    const button = make("button", { type: "button", class: "open", "aria-expanded": "false" },
      make("b", {}, item.id), make("span", {}, text.length > 110 ? `${text.slice(0, 110)} …` : text));
    const cell = (label, value, state = "") => make("td", { role: "cell", "data-label": label, class: state }, value);
    const line = make("tr", { role: "row" }, make("td", { role: "cell" }, button),
      cell("outcome", item.outcome), cell("expected", item.expected),
      ...item.answers.map((one, index) => cell(players[index], `${one.correct === null ? one.verdict : one.correct ? "✓" : "✗"} ${one.answer}`, String(one.correct))));
    button.addEventListener("click", () => toggle(item, line, button));
    return line;
  };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    opened = null;
    body.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(row));
    $("found").textContent = found.length === items.length
      ? `${items.length.toLocaleString("en")} items`
      : `${found.length.toLocaleString("en")} of ${items.length.toLocaleString("en")} items`;
    $("page").textContent = `page ${page + 1} of ${pages}`;
    $("previous").disabled = page === 0;
    $("next").disabled = page === pages - 1;
  };
  const filter = () => {
    const asked = $("search").value.trim().toLowerCase();
    const chosen = filters.map((name) => [name, $(`filter-${name}`).value]).filter((pair) => pair[1]);
    found = items.filter((item) => chosen.every(([name, wanted]) => value(item, name) === wanted)
      && (!asked || words(item).includes(asked)));
    page = 0;
    draw();
  };
  const named = () => {
    const match = /^#item=(.+)$/.exec(location.hash);
    if (!match) return;
    let id;
    try { id = decodeURIComponent(match[1]); } catch { return; }
    const index = items.findIndex((item) => item.id === id);
    if (index < 0) return;
    for (const id of ["search", ...filters.map((name) => `filter-${name}`)]) $(id).value = "";
    found = items;
    page = Math.floor(index / PAGE);
    draw();
    const button = body.rows[index % PAGE].querySelector("button");
    button.click();
    button.focus();
    button.scrollIntoView({ block: "start" });
  };
  let waiting;
  $("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  for (const name of filters) $(`filter-${name}`).addEventListener("change", filter);
  $("filters").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  $("filters").addEventListener("reset", () => setTimeout(filter));
  $("previous").addEventListener("click", () => { page -= 1; draw(); });
  $("next").addEventListener("click", () => { page += 1; draw(); });
  addEventListener("hashchange", named);
  draw();
  named();
})();
