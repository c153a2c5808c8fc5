// The report on a data set: fills the explorers, and shows pictures as evidence.

const pictures = unpack("pictures");
const started = new Map();
const SIGNS = { error: "●", warning: "▲", info: "○" };

/** The source of an image that stands in this page. */
const source = (thumbnail) => `data:image/webp;base64,${blob(thumbnail[0])}`;

/** What a finding holds beside its columns. */
function details(text) {
  try { return JSON.parse(text ?? "null") ?? {}; } catch { return {}; }
}

/** A list of names and values; values that are not plain stand as JSON. */
function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!given.length) return null;
  return make("dl", {}, given.flatMap(([name, value]) =>
    [make("dt", {}, shown(name)), make("dd", {}, shown(typeof value === "object" ? JSON.stringify(value) : value))]));
}

const section = (title, ...children) => (children.some(Boolean) ? make("section", {}, make("h3", {}, title), children) : null);

/** A picture that is shown as large as the window when it is pressed. */
function picture(thumbnail) {
  const image = make("img", { src: source(thumbnail), alt: "", loading: "lazy" });
  const enlarge = () => {
    const large = make("dialog", { class: "large", onclick: () => large.close(), onclose: () => large.remove() },
      make("img", { src: image.src, alt: "" }));
    document.body.append(large);
    large.showModal();
  };
  return make("button", { class: "enlarge", type: "button", "aria-label": "Enlarge", onclick: enlarge }, image);
}

/** A picture with its boxes, or the reason why it is not here. */
function figure(thumbnail, caption, boxes = []) {
  const frame = make("div", { class: "frame" });
  if (thumbnail) {
    const [, width, height] = thumbnail;
    frame.append(picture(thumbnail));
    const marks = boxes.filter((box) => Array.isArray(box) && box.length >= 4);
    if (marks.length) frame.append(make("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet", role: "img", "aria-label": "marked places" },
      marks.map(([x0, y0, x1, y1, text]) => make("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }, make("title", {}, String(text ?? ""))))));
  } else frame.append(make("p", { class: "absent" }, "This picture is not on the page."));
  return make("figure", {}, frame, make("figcaption", {}, shown(caption)));
}

function chips(row) {
  return make("div", { class: "chips" }, ["severity", "action"].filter((name) => row[name]).map((name) =>
    make("span", { class: `chip ${row[name]}` }, row[name])));
}

/** The question and answer that a row is about. */
function asked(row) {
  if (row.text === null || row.text === undefined) return null;
  return make("section", {}, make("div", { class: "question" }, shown(row.text)),
    make("div", { class: "answer" }, make("span", { class: "muted" }, "Answer: "), shown(row.answer ?? "none")));
}

function thumb(digest, shownPictures) {
  const thumbnail = digest && shownPictures.thumbnails[digest];
  return thumbnail ? make("img", { class: "thumb", src: source(thumbnail), alt: "", loading: "lazy" })
    : make("span", { class: "thumb none", "aria-hidden": "true" }, "–");
}

function line(mark, code, said, second) {
  return make("div", {}, mark, make("div", { class: "line" },
    make("div", { class: "first" }, make("span", { class: "code" }, shown(code)), make("span", { class: "said" }, shown(said))),
    make("div", { class: "second" }, shown(second))));
}

/** Everything about one finding. */
function findingDetail(row, number, shownPictures, lost) {
  const { other, others, edit, words: inWords, boxes, template, mended, field, ...more } = details(row.details);
  const { thumbnails, masked, evidence } = shownPictures;
  const figures = [];
  if (row.digest) figures.push(figure(thumbnails[row.digest], row.path ?? row.digest, boxes));
  if (row.digest && masked[row.digest]) figures.push(figure(thumbnails[masked[row.digest]], "after masking"));
  for (const one of [other, ...(Array.isArray(others) ? others : [])]) {
    if (one?.digest && one.digest !== row.digest) figures.push(figure(thumbnails[one.digest], one.path ?? one.digest));
  }
  if (template && template in evidence) figures.push(figure(evidence[template], template));
  const words = Array.isArray(boxes) ? boxes.filter((box) => box?.[4]).map((box) => [typeof box[5] === "number" ? box[5].toFixed(2) : "text", box[4]]) : [];
  const gone = rowsOf(number, lost);
  return [
    make("h2", {}, shown(row.code)), chips(row), asked(row),
    figures.length ? make("section", { class: "pair" }, figures) : null,
    section("What was found", row.evidence ? make("div", {}, shown(row.evidence)) : null),
    section("Probably meant", mended ? make("div", {}, shown(mended)) : null),
    section("Fitted edit", inWords ? make("div", {}, shown(inWords)) : null, edit ? facts(Object.entries(typeof edit === "object" ? edit : { edit })) : null),
    section("The other one", other ? facts(Object.entries(other)) : null),
    section("Text in the boxes", words.length ? facts(words) : null),
    section("Figures", facts(Object.entries(more))),
    section("Rows that were lost by it", gone.length ? make("ul", {}, gone.map((text) => make("li", {}, shown(text)))) : null),
    section("Where", facts([["command", row.command], ["step", row.step], ["picture", row.path], ["digest", row.digest], ["split", row.split],
      ["question", row.question_id], ["questions", row.questions], ["file", row.file], ["record", row.index], ["field", field]])),
  ].filter(Boolean);
}

/** Questions that were lost by a finding. */
function rowsOf(number, lost) {
  const found = [];
  for (let row = 0; row < lost.length && found.length < 50; row++) {
    if (lost.get(row, "finding") === number) {
      found.push(`${lost.get(row, "question_id") ?? `record ${lost.get(row, "index")}`}: ${lost.get(row, "text") ?? ""}`);
    }
  }
  return found;
}

/** Everything about one lost row. */
function rowDetail(row, shownPictures, findings) {
  const finding = row.finding === null ? null : findings.row(row.finding);
  const { boxes, other } = details(finding?.details);
  const figures = finding?.digest ? [figure(shownPictures.thumbnails[finding.digest], row.path ?? finding.digest, boxes)] : [];
  if (other?.digest && other.digest !== finding.digest) figures.push(figure(shownPictures.thumbnails[other.digest], other.path ?? other.digest));
  return [
    make("h2", {}, shown(row.code)), chips(row), asked(row),
    figures.length ? make("section", { class: "pair" }, figures) : null,
    section("Why", make("div", {}, shown(row.evidence ?? row.code))),
    section("Where", facts([["command", row.command], ["step", row.step], ["file", row.file], ["record", row.index], ["part", row.part],
      ["question", row.question_id], ["picture", row.path], ["split", row.split]])),
    section("The record as it stood in the file", row.raw ? make("pre", {}, shown(row.raw)) : null),
  ].filter(Boolean);
}

/** Both lists, unpacked when they are first asked for. */
let unpacked;
const tables = () => (unpacked ??= Promise.all([unpack("findings"), unpack("rows")])
  .then((all) => all.map((columns) => new Table(columns))));

/** What fills a part of the page when it is first shown. */
const fill = {
  async findings(root) {
    const [[table, lost], shownPictures] = [await tables(), await pictures];
    return new Explorer(find("#explore-findings", root), table, {
      name: "findings", hint: "Search question, picture, evidence …",
      facets: ["severity", "action", "code", "command", "step", "split"],
      titles: { severity: "Severity", action: "What was done", code: "Code", command: "Command", step: "Step", split: "Split" },
      texts: ["code", "path", "question_id", "text", "answer", "evidence", "digest", "details"],
      line: (n) => line(thumb(table.get(n, "digest"), shownPictures),
        `${SIGNS[table.get(n, "severity")] ?? "○"} ${table.get(n, "code")}`,
        table.get(n, "text") ?? table.get(n, "path") ?? table.get(n, "question_id") ?? "",
        table.get(n, "evidence") ?? `${table.get(n, "questions")} questions`),
      detail: (n) => findingDetail(table.row(n), n, shownPictures, lost),
    });
  },
  async rows(root) {
    const [[findings, table], shownPictures] = [await tables(), await pictures];
    return new Explorer(find("#explore-rows", root), table, {
      name: "lost rows", hint: "Search question, answer, file, reason …",
      facets: ["code", "action", "command", "step", "file", "split"],
      titles: { code: "Reason", action: "What was done", command: "Command", step: "Step", file: "File", split: "Split" },
      texts: ["code", "question_id", "file", "text", "answer", "path", "evidence", "raw"],
      line: (n) => line(make("span", { class: `chip ${table.get(n, "action")}` }, table.get(n, "action")),
        table.get(n, "code"), table.get(n, "text") ?? table.get(n, "question_id") ?? `record ${table.get(n, "index")}`,
        `${table.get(n, "file")}, record ${table.get(n, "index")}${table.get(n, "evidence") ? ": " + table.get(n, "evidence") : ""}`),
      detail: (n) => rowDetail(table.row(n), shownPictures, findings),
    });
  },
  async pictures(root) {
    const [[table], shownPictures] = [await tables(), await pictures];
    const seen = new Map();
    for (let n = 0; n < table.length; n++) {
      const digest = table.get(n, "digest");
      if (digest in shownPictures.thumbnails && !seen.has(digest)) seen.set(digest, n);
    }
    find("#mosaic", root).append(...[...seen].map(([digest, n]) =>
      make("a", { href: `#findings?q=${digest}` }, make("img", { src: source(shownPictures.thumbnails[digest]), alt: "", loading: "lazy" }),
        make("span", {}, shown(table.get(n, "code"))), make("span", { class: "muted" }, shown(table.get(n, "path") ?? digest)))));
    if (!seen.size) find("#mosaic", root).append(make("p", { class: "muted" }, "No finding names a picture that is on this page."));
    find("#evidence", root)?.append(...Object.entries(shownPictures.evidence).map(([path, thumbnail]) =>
      make("figure", {}, thumbnail ? picture(thumbnail) : null, make("figcaption", {}, shown(path)))));
  },
  async overview(root) {
    const shownPictures = await pictures;
    for (const box of root.querySelectorAll("[data-examples]")) {
      box.append(...box.dataset.examples.split(" ").filter(Boolean).map((digest) =>
        make("img", { src: source(shownPictures.thumbnails[digest]), alt: "", loading: "lazy" })));
    }
    setTimeout(tables, 300);  // the next click finds them ready
  },
};

followAddress(async (name, query) => {
  if (!fill[name]) return;
  if (!started.has(name)) started.set(name, fill[name](find(`#${name}`)));
  const explorer = await started.get(name);
  explorer?.follow(query);
  document.documentElement.dataset.ready = name;
});
