{
  const PAGE = 25, MOST = 400000;
  const { players, items, prompts, tapes } = data;
  const table = $("item-table"), body = table.tBodies[0];
  const selects = [...document.querySelectorAll("#filters select")];
  let state = new URLSearchParams(), found = items;

  // Words that only one of two texts has, by their longest common subsequence; [[word, only here], …] of each.
  const differing = (before, after) => {
    const [a, b] = [before, after].map((text) => text.match(/\s+|[^\s]+/g) ?? []);
    if (a.length * b.length > MOST) return [[[before, true]], [[after, true]]];
    const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1)
      length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
    const left = [], right = [];
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
      if (i < a.length && j < b.length && a[i] === b[j]) { left.push([a[i], false]); right.push([b[j], false]); i += 1; j += 1; }
      else if (j === b.length || (i < a.length && length[i + 1][j] >= length[i][j + 1])) { left.push([a[i], true]); i += 1; }
      else { right.push([b[j], true]); j += 1; }
    }
    return [left, right];
  };
  const marked = (parts, name) => {
    const joined = [];
    parts.forEach(([word, alone], place) => {
      const differs = alone || (!word.trim() && place > 0 && parts[place - 1][1] && Boolean(parts[place + 1]?.[1]));
      if (joined.at(-1)?.differs === differs) joined.at(-1).words += word;
      else joined.push({ words: word, differs });
    });
    return joined.map(({ words, differs }) => differs && words.trim() ? make(name, {}, words) : words);
  };

  const pairs = (list) => make("dl", {}, ...list.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  const told = (list) => list.map(([name, places]) => [name, text(places)]);
  const mark = (one) => one.correct === null ? "" : one.correct ? "✓ " : "✗ ";

  const answers = (item) => {
    const golden = new Map(told(item.golden)), sides = item.answers.map((one) => new Map(told(one.fields)));
    const names = [...new Set(sides.flatMap((side) => [...side.keys()]))];
    const lines = names.map((name) => {
      const shown = sides.map((side) => side.get(name) ?? "");
      const parts = shown.length === 2 && sides.every((side) => side.has(name))
        ? differing(...shown).map((words, side) => marked(words, side ? "ins" : "del")) : shown.map((one) => [one]);
      return make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader" }, name),
        make("td", { role: "cell", "data-label": "expected" }, golden.get(name) ?? "-"),
        ...parts.map((words, side) => make("td", { role: "cell", "data-label": players[side] }, ...words)));
    });
    const last = make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader" }, "verdict"),
      make("td", { role: "cell", "data-label": "expected" }, item.expected || "-"),
      ...item.answers.map((one, side) => make("td", { role: "cell", "data-label": players[side], class: String(one.correct) },
        `${mark(one)}${one.verdict}`, make("small", {}, one.took))));
    const head = ["field", "expected", ...players].map((name) => make("th", { scope: "col", role: "columnheader" }, name));
    const rest = told(item.golden).filter(([name]) => !names.includes(name));
    const block = make("div", {}, pairs(told(item.inputs)),
      make("table", { class: "fields cards", role: "table", "aria-label": "Fields of both answers" },
        make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...head)), make("tbody", { role: "rowgroup" }, last, ...lines)));
    if (players.length === 2) block.append(make("p", { class: "legend" }, make("del", {}, `only ${players[0]}`), make("ins", {}, `only ${players[1]}`)));
    if (rest.length) block.append(pairs(rest));
    return block;
  };
  const said = (role, words) => make("div", { class: `said ${role}` }, make("h5", {}, role), make("pre", {}, words));
  const folded = (title, messages) => make("details", {}, make("summary", {}, title),
    ...messages.map(([role, places]) => said(role, text(places))));
  const call = (one, side, place, all) => {
    const before = prompts[one.prompt], isSystem = ([role]) => ["system", "developer"].includes(role);
    const system = before.filter(isSystem), turns = before.filter((message) => !isSystem(message));
    const block = make("div", { class: "call" }, make("h4", {}, all > 1 ? `Call ${place + 1} of ${all}` : "Call"));
    if (system.length) block.append(folded("System prompt", system));
    if (turns.length) block.append(folded(`Demonstrations and earlier turns: ${turns.length} messages`, turns));
    block.append(...one.asked.map(([role, places]) => said(role, text(places))));
    if (one.answer.length) block.append(said("answer", text(one.answer)));
    block.append(pairs(one.told));
    if (tapes[side]) block.append(make("p", {}, "recorded in ",
      make("a", { href: `${tapes[side][1]}#L${one.line}` }, `${tapes[side][0]}:${one.line}`)));
    return block;
  };
  const messages = (item) => make("div", { class: "sides" }, ...item.answers.map((one, side) => {
    const block = make("div", {}, make("h3", {}, players[side]),
      ...one.calls.map((each, place) => call(each, side, place, one.calls.length)));
    if (!one.calls.length) block.append(make("p", {}, "No tape at hand holds the calls of this item."));
    block.append(make("div", { class: `parse ${one.correct}` },
      make("h4", {}, one.parsed ? "Parsed" : "Does not parse"), ...(one.parsed ? [pairs(told(one.fields))] : []),
      make("h4", {}, `${mark(one)}${one.verdict}`), make("p", {}, one.scores), make("p", {}, one.took)));
    return block;
  }));

  const VIEWS = { answers: ["Answers", answers], messages: ["Messages", messages] };
  const detail = (item) => {
    const panel = make("div", { role: "tabpanel", id: "view", tabindex: "0" });
    const tabs = Object.entries(VIEWS).map(([name, [title]]) =>
      make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "view" }, title));
    const show = (name) => {
      for (const tab of tabs) {
        const chosen = tab.id === `tab-${name}`;
        tab.setAttribute("aria-selected", String(chosen));
        tab.tabIndex = chosen ? 0 : -1;
      }
      panel.setAttribute("aria-labelledby", `tab-${name}`);
      panel.replaceChildren(VIEWS[name][1](item));
    };
    const choose = (tab) => {
      const name = tab.id.slice(4);
      if (name === "answers") state.delete("view"); else state.set("view", name);
      address.write(state);
      show(name);
      tab.focus();
    };
    tabs.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", ({ key }) => {
        if (key === "ArrowRight" || key === "ArrowLeft") choose(tabs[(place + 1) % tabs.length]);
      });
    });
    show(VIEWS[state.get("view")] ? state.get("view") : "answers");
    return make("tr", { class: "detail", role: "row", id: "detail" }, make("td", { colspan: 3 + players.length, role: "cell" },
      make("div", { role: "tablist", class: "tabs", "aria-label": `Item ${item.id}` }, ...tabs), panel));
  };
  const row = (item) => {
    const asked = item.inputs.length ? text(item.inputs[0][1]) : "", outcome = facets.get("outcome").of(item);
    const opened = state.get("item") === item.id;
    const button = make("button", { type: "button", class: "open", "aria-expanded": String(opened) },
      make("b", {}, item.id), make("span", {}, asked.length > 110 ? `${asked.slice(0, 110)} …` : asked));
    if (opened) button.setAttribute("aria-controls", "detail");
    const cell = (label, value, kind = "") => make("td", { role: "cell", "data-label": label, class: kind }, value);
    const line = make("tr", { role: "row" }, make("td", { role: "cell" }, button),
      cell("outcome", make("span", { class: `chip ${outcome.replace(" ", "-")}` }, outcome)), cell("expected", item.expected),
      ...item.answers.map((one, side) =>
        cell(players[side], one.correct === null ? `${one.verdict} ${one.answer}` : `${mark(one)}${one.answer}`, String(one.correct))));
    button.addEventListener("click", () => {
      if (opened) { state.delete("item"); state.delete("view"); } else state.set("item", item.id);
      address.write(state);
      draw();
      [...body.querySelectorAll(".open")].find((other) => other.firstChild.textContent === item.id)?.focus();
    });
    return opened ? [line, detail(item)] : [line];
  };

  const words = (item) => (item.words ??= [
    item.id, item.expected, ...[...item.inputs, ...item.golden].map((pair) => text(pair[1])),
    ...item.answers.flatMap((one) => [one.answer, ...one.fields.map((pair) => text(pair[1]))]),
  ].join("\n").toLowerCase());
  const SORTED = {
    id: (item) => item.id, outcome: (item) => item.facets[0], expected: (item) => item.expected,
    ...Object.fromEntries(players.map((_, side) => [`answer-${side}`, (item) => `${item.answers[side].correct} ${item.answers[side].answer}`])),
  };
  const filtered = () => {
    const asked = (state.get("q") ?? "").trim().toLowerCase();
    const chosen = selects.map(({ dataset }) => [dataset.facet, state.get(dataset.facet)]).filter((pair) => pair[1] !== null);
    const left = items.filter((item) => chosen.every(([name, wanted]) => facets.get(name).of(item) === wanted)
      && (!asked || words(item).includes(asked)));
    const sort = state.get("sort") ?? "", by = SORTED[sort.replace(/^-/, "")], way = sort.startsWith("-") ? -1 : 1;
    const order = (one, other) => typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
    return by ? left.sort((one, other) => way * order(by(one), by(other))) : left;
  };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE)), page = Math.min(pages, Math.max(1, Number(state.get("page")) || 1));
    body.replaceChildren(...found.slice((page - 1) * PAGE, page * PAGE).flatMap(row));
    $("found").textContent = found.length === items.length
      ? `${count(items.length)} items` : `${count(found.length)} of ${count(items.length)} items`;
    $("page").textContent = `page ${count(page)} of ${count(pages)}`;
    $("previous").disabled = page === 1;
    $("next").disabled = page === pages;
    const sort = state.get("sort") ?? "";
    for (const cell of table.tHead.rows[0].cells) {
      if (cell.dataset.sort === sort.replace(/^-/, "")) cell.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    return page;
  };
  const change = (name, value) => {
    if (value) state.set(name, value); else state.delete(name);
    if (name !== "page") state.delete("page");
    state.delete("item");
    found = filtered();
    address.write(state);
    draw();
  };
  // What the address says: filters, sorting, page and opened item.
  const follow = (isFirst) => {
    const asked = address.read();
    if (!asked) { if (isFirst) draw(); return; }
    state = asked;
    $("search").value = state.get("q") ?? "";
    for (const select of selects) {
      const wanted = state.get(select.dataset.facet), known = facets.get(select.dataset.facet).values.includes(wanted);
      if (!known) state.delete(select.dataset.facet);
      select.selectedIndex = known ? facets.get(select.dataset.facet).values.indexOf(wanted) + 1 : 0;
    }
    found = filtered();
    const place = found.findIndex((item) => item.id === state.get("item"));
    if (place >= 0) state.set("page", Math.floor(place / PAGE) + 1);
    draw();
    const button = place >= 0 ? body.querySelector("[aria-expanded=true]") : null;
    (button ?? $("filters")).scrollIntoView({ block: "start" });
    button?.focus();
  };

  const quoted = (value) => {
    const safe = /^[=+\-@\t\r]/.test(value) && typeof value === "string" ? `'${value}` : String(value);
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = (listed) => {
    const columns = ["answer", "verdict", "score", "seconds", "prompt tokens", "cached tokens", "completion tokens"];
    const named = [...new Set(items.flatMap((item) => item.answers.flatMap((one) => one.fields.map(([name]) => name))))];
    const inputs = [...new Set(items.flatMap((item) => item.inputs.map(([name]) => name)))];
    const head = ["id", "expected", ...[...facets.values()].map(({ title }) => title), ...inputs,
      ...players.flatMap((player) => [...columns, ...named].map((name) => `${player}: ${name}`))];
    const lines = listed.map((item) => {
      const asked = new Map(told(item.inputs));
      return [item.id, item.expected, ...[...facets.values()].map((facet) => facet.of(item)), ...inputs.map((name) => asked.get(name) ?? ""),
        ...item.answers.flatMap((one) => {
          const fields = new Map(told(one.fields));
          return [one.answer, one.verdict, ...one.numbers, ...named.map((name) => fields.get(name) ?? "")];
        })];
    });
    return [head, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n");
  };

  let waiting;
  $("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => change("q", $("search").value), 120); });
  for (const select of selects) select.addEventListener("change", () => {
    state.delete(select.dataset.facet);
    if (select.selectedIndex) state.set(select.dataset.facet, select.value);
    change("page", "");
  });
  $("filters").addEventListener("submit", (event) => { event.preventDefault(); change("q", $("search").value); });
  $("filters").addEventListener("reset", () => { state = new URLSearchParams(); change("page", ""); });
  const turn = (by) => change("page", String((Number(state.get("page")) || 1) + by));
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  for (const cell of table.tHead.rows[0].cells) cell.firstChild.addEventListener("click", () => {
    const name = cell.dataset.sort, sort = state.get("sort");
    change("sort", sort === name ? `-${name}` : sort === `-${name}` ? "" : name);
  });
  $("csv").addEventListener("click", () => {
    const link = make("a", { href: URL.createObjectURL(new Blob(["\ufeff", csv(found)], { type: "text/csv" })), download: "items.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  addEventListener("hashchange", () => follow(false));
  follow(true);
}
