// Filters, search, a list and a detail: one way to look through findings and through lost rows.

class Explorer {
  /**
   * @param root The element that becomes the explorer.
   * @param table The rows.
   * @param how `facets` and `texts`, names of columns; `line(row)` and `detail(row)` give elements.
   */
  constructor(root, table, how) {
    Object.assign(this, { root, table, ...how });
    this.kept = Object.fromEntries(this.facets.map((name) => [name, new Set()]));
    this.words = [];
    this.build();
    this.list = new VirtualList(this.box, (row) => this.line(row), (row) => this.open(row));
  }

  build() {
    const id = this.root.id;
    this.search = make("input", {
      type: "search", placeholder: this.hint, "aria-label": "Search", autocomplete: "off", spellcheck: "false",
      oninput: () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.refresh(), 80); },
    });
    this.count = make("p", { class: "found muted small", "aria-live": "polite" });
    this.box = make("div", { class: "list", id: `${id}-list`, "aria-label": this.name });
    this.side = make("div", { class: "facets" });
    this.panel = make("aside", { class: "detail", "aria-label": "Detail", tabindex: "-1" });
    this.panel.append(make("p", { class: "muted" }, "Choose a row to see all that is known of it."));
    this.nothing = make("p", { class: "nothing muted", hidden: true }, "Nothing is here.");
    this.filters = make("details", { class: "filters", open: matchMedia("(min-width: 60rem)").matches },
      make("summary", {}, "Filters"), this.side);
    const tools = make("div", { class: "tools" }, this.search,
      make("button", { class: "button", type: "button", onclick: () => this.clear() }, "Clear"),
      make("button", { class: "button", type: "button", onclick: () => this.save() }, "Save as CSV"));
    this.root.append(this.filters, make("div", { class: "middle" }, tools, this.count, this.nothing, this.box), this.panel);
    this.root.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
  }

  /** Take the filters and the words of an address. */
  follow(query) {
    for (const name of this.facets) this.kept[name] = new Set(query.getAll(name));
    this.search.value = query.get("q") ?? "";
    this.refresh();
  }

  clear() {
    this.follow(new URLSearchParams());
    this.search.focus();
  }

  /** Find the rows that pass, and say how many there are of each kind. */
  refresh() {
    this.words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    const counts = Object.fromEntries(this.facets.map((name) => [name, new Map()]));
    for (let row = 0; row < this.table.length; row++) {
      if (!this.says(row)) continue;
      const barred = this.facets.filter((name) => !this.passes(row, name));
      if (!barred.length) rows.push(row);
      // A kind counts the rows that would pass if nothing of its own facet were chosen.
      const open = barred.length ? (barred.length === 1 ? barred : []) : this.facets;
      for (const name of open) {
        const value = this.table.get(row, name) ?? "";
        counts[name].set(value, (counts[name].get(value) ?? 0) + 1);
      }
    }
    this.rows = rows;
    this.nothing.hidden = rows.length > 0;
    this.box.hidden = !rows.length;
    const held = this.side.contains(document.activeElement) ? document.activeElement : null;
    this.side.replaceChildren(...this.facets.map((name) => this.facet(name, counts[name])).filter(Boolean));
    this.filters.hidden = !this.side.children.length;
    const all = this.table.length;
    this.count.textContent = rows.length === all
      ? `${counted(all)} ${this.name}` : `${counted(rows.length)} of ${counted(all)} ${this.name}`;
    this.list.show(rows);
    this.close();
    if (held) [...this.side.querySelectorAll("input")].find((i) => i.name === held.name && i.value === held.value)?.focus();
  }

  passes(row, name) {
    return !this.kept[name].size || this.kept[name].has(this.table.get(row, name) ?? "");
  }

  says(row) {
    if (!this.words.length) return true;
    this.haystack ??= Array.from({ length: this.table.length }, (_, r) =>
      this.texts.map((name) => this.table.get(r, name) ?? "").join("\n").toLowerCase());
    return this.words.every((word) => this.haystack[row].includes(word));
  }

  facet(name, counts) {
    const chosen = this.kept[name];
    const values = [...new Set([...counts.keys(), ...chosen])];
    values.sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || (a < b ? -1 : 1));
    if (values.length < 2 && !chosen.size) return null;
    const boxes = values.slice(0, 60).map((value) => make("label", {},
      make("input", {
        type: "checkbox", checked: chosen.has(value), name, value,
        onchange: (event) => {
          if (event.target.checked) chosen.add(value); else chosen.delete(value);
          this.refresh();
        },
      }),
      make("span", { class: "value" }, shown(value === "" ? "none" : value)),
      make("span", { class: "number muted" }, counted(counts.get(value) ?? 0))));
    const more = values.length - boxes.length;
    if (more > 0) boxes.push(make("p", { class: "muted small" }, `${counted(more)} more: use the search`));
    return make("fieldset", {}, make("legend", {}, this.titles[name] ?? name), ...boxes);
  }

  open(row) {
    const close = make("button", { class: "quiet close", type: "button", "aria-label": "Close", onclick: () => this.close() }, "✕");
    this.panel.replaceChildren(close, ...this.detail(row));
    this.panel.scrollTop = 0;
    this.root.classList.add("opened");
  }

  close() {
    if (this.root.classList.contains("opened")) this.box.focus({ preventScroll: true });
    this.root.classList.remove("opened");
  }

  /** The rows that pass, as a file for a spreadsheet. */
  save() {
    const names = Object.keys(this.table.columns);
    const lines = [names, ...this.rows.map((row) => names.map((name) => this.table.get(row, name)))];
    const text = lines.map((cells) => cells.map(cell).join(",")).join("\r\n");
    const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    make("a", { href: url, download: `${this.root.id}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}

/** A cell of a CSV file; a spreadsheet must not take text for a formula. */
function cell(value) {
  const text = String(value ?? "");
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
