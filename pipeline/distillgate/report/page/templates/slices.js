{
  const Z = 1.959963984540054;
  // 95 % score interval (Wilson 1927), as the rest of the page has it.
  const wilson = (hits, n) => {
    const share = hits / n, square = Z * Z / n, middle = (share + square / 2) / (1 + square);
    const half = Z * Math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square);
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const rate = (player, items) => {
    const hits = items.filter((item) => item.answers[player].correct).length, [low, high] = wilson(hits, items.length);
    const range = make("span", { class: "range", "aria-hidden": "true",
      style: `--low:${100 * low}%;--high:${100 * high}%;--value:${100 * hits / items.length}%` });
    return make("td", { role: "cell", "data-label": data.players[player] },
      make("span", {}, percent(hits / items.length), make("small", {}, `${percent(low)} to ${percent(high)}`)), range);
  };
  const filter = (chosen, words) => words === "0" ? words
    : make("a", { href: `#${new URLSearchParams(chosen)}` }, words);
  const show = () => {
    const by = [...new Set([$("slice-by").value, $("slice-and").value])].filter(Boolean);
    const groups = new Map();
    for (const item of data.items) {
      const values = by.map((name) => facets.get(name).of(item)), key = JSON.stringify(values);
      if (!groups.has(key)) groups.set(key, { values, items: [] });
      groups.get(key).items.push(item);
    }
    const order = (group) => group.values.reduce((place, value, at) =>
      place * 1000 + facets.get(by[at]).values.indexOf(value), 0);
    const listed = [...groups.values()].sort((one, other) => order(one) - order(other));
    const flips = data.players.length === 2 ? ["lost", "gained"] : [];
    const head = [by.map((name) => facets.get(name).title).join(", "), "items", ...data.players, ...flips];
    $("slice-table").tHead.replaceChildren(make("tr", { role: "row" },
      ...head.map((name) => make("th", { scope: "col", role: "columnheader" }, name))));
    $("slice-table").tBodies[0].replaceChildren(...listed.map(({ values, items }) => {
      const chosen = by.map((name, at) => [name, values[at]]);
      const number = (name, wanted, kind) => make("td", { role: "cell", "data-label": name, class: kind }, filter(
        wanted ? [...chosen, ["outcome", wanted]] : chosen,
        count(items.filter((item) => !wanted || facets.get("outcome").of(item) === wanted).length)));
      return make("tr", { role: "row" },
        make("th", { scope: "row", role: "rowheader" }, values.map((value) => value || "-").join(", ")),
        number("items", "", ""), ...data.players.map((_, player) => rate(player, items)),
        ...flips.map((name) => number(name, name, name)));
    }));
    sortable($("slice-table"));
    $("sliced").textContent = `${count(listed.length)} slices; a number shows its items`;
  };
  $("slice-by").addEventListener("change", show);
  $("slice-and").addEventListener("change", show);
  show();
}
