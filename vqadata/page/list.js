// A list that holds a hundred thousand rows and draws the few that are seen.

class VirtualList {
  /**
   * @param box The element that scrolls.
   * @param render Gives the element of a row.
   * @param open Called with the row that was chosen.
   */
  constructor(box, render, open) {
    Object.assign(this, { box, render, open, rows: [], chosen: -1 });
    this.height = parseFloat(getComputedStyle(box).getPropertyValue("--row")) || 56;
    this.body = make("div", { class: "list-body", role: "presentation" });
    box.append(this.body);
    box.setAttribute("role", "listbox");
    box.tabIndex = 0;
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => {
      const item = event.target.closest("[data-place]");
      if (item) this.choose(Number(item.dataset.place));
    });
    new ResizeObserver(() => this.draw(true)).observe(box);
  }

  /** Show these rows from the first one on. */
  show(rows) {
    Object.assign(this, { rows, chosen: -1 });
    this.body.style.height = `${rows.length * this.height}px`;
    this.box.scrollTop = 0;
    this.draw(true);
  }

  /** Draw the rows in sight, and some above and below. */
  draw(anew = false) {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - 6);
    const last = Math.min(this.rows.length, first + Math.ceil(this.box.clientHeight / this.height) + 12);
    if (!anew && first === this.first && last === this.last) return;
    Object.assign(this, { first, last });
    const items = [];
    for (let place = first; place < last; place++) items.push(this.item(place));
    this.body.replaceChildren(...items);
  }

  item(place) {
    const item = this.render(this.rows[place]);
    item.dataset.place = place;
    item.id = `${this.box.id}-${place}`;
    item.style.top = `${place * this.height}px`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-posinset", place + 1);
    item.setAttribute("aria-setsize", this.rows.length);
    item.setAttribute("aria-selected", place === this.chosen);
    return item;
  }

  /** Choose a row, bring it into sight, and open it. */
  choose(place) {
    if (!this.rows.length) return;
    this.chosen = Math.min(Math.max(place, 0), this.rows.length - 1);
    const top = this.chosen * this.height;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.box.scrollTop = top + this.height - clientHeight;
    this.draw(true);
    this.box.setAttribute("aria-activedescendant", `${this.box.id}-${this.chosen}`);
    this.open(this.rows[this.chosen]);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.choose(this.chosen + steps[event.key]);
  }
}
