// The page of an evaluation: one part at a time, and a search over the worst rows.

const rows = [...document.querySelectorAll("#rows .row")];
const texts = rows.map((row) => row.textContent.toLowerCase());

find("#search").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  let shown = 0;
  rows.forEach((row, number) => {
    row.hidden = !texts[number].includes(wanted);
    shown += !row.hidden;
  });
  find("#found").textContent = wanted ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
});

followAddress((part) => { document.documentElement.dataset.ready = part; });
