// Tables of what was measured, as text and in Markdown. Pure.

const WIDTH = 140;

// Three digits that mean something, no exponent.
export function show(value) {
  if (!Number.isFinite(value)) return '-';
  const digits = value === 0 ? 0 : Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(Number.isInteger(value) ? 0 : digits);
}

const figuresOf = (contenders) => [...new Set(Object.values(contenders).flatMap((who) => Object.keys(who.figures)))];

// The figure, and in brackets its ratio to that of the reference.
function cell(who, figure) {
  if (!(figure in who.figures)) return '';
  const ratio = who.ratios[figure];
  return show(who.figures[figure]) + (Number.isFinite(ratio) ? ` (${show(ratio)})` : '');
}

// ---- text ----

// Columns side by side while there is room, the others below: [[column, ...], ...]. The first column comes again.
function parts([first, ...columns]) {
  const width = (column) => 2 + Math.max(...column.map((text) => text.length));
  const all = [];
  let room = 0;
  for (const column of columns) {
    if (room < width(column)) {
      all.push([first]);
      room = WIDTH - width(first);
    }
    all.at(-1).push(column);
    room -= width(column);
  }
  return all;
}

function lines(columns) {
  const widths = columns.map((column) => Math.max(...column.map((text) => text.length)));
  const pad = (column, i, at) => (at ? column[i].padStart(widths[at]) : column[i].padEnd(widths[at]));
  return columns[0].map((_, i) => `  ${columns.map((column, at) => pad(column, i, at)).join('  ')}`.trimEnd());
}

// Lines of a row: a line per contender, a column per figure.
export function table(row, { contenders, limits }) {
  const names = Object.keys(contenders);
  const columns = figuresOf(contenders).map((figure) => [figure, ...names.map((name) => cell(contenders[name], figure))]);
  return [
    `${row.name}${row.unit ? `, per ${row.unit}` : ''}`,
    ...parts([['', ...names], ...columns]).flatMap(lines),
    ...limits.map(({ text, value, verdict }) => `  ${text}: ${value === null ? '' : `${show(value)} `}${verdict}`),
  ];
}

// ---- Markdown ----

// What figures are called on a page.
const LABELS = {
  addedKib: 'of one more, KiB',
  allMs: 'until all are answered, ms',
  bytes: 'bytes',
  core: 'processors busy',
  cpuMs: 'CPU, ms',
  cpuUs: 'CPU, µs',
  delivered: 'of what is due',
  diffUs: 'of it the diff, µs',
  inGroup: 'in a transaction',
  kib: 'memory of each, KiB',
  lastMs: 'until the last has it, ms',
  lateMaxMs: 'latest, ms',
  lateP99Ms: 'late p99, ms',
  maxMs: 'longest, ms',
  overUs: 'over an unchanged one, µs',
  p50Ms: 'p50, ms',
  p99Ms: 'p99, ms',
  patchBytes: 'bytes of patches',
  perS: 'a second',
  polled: 'polls of those due',
  processors: 'processors busy',
  pssKib: 'memory, KiB',
  receiverUs: 'CPU of the receiver, µs',
  requestsPerS: 'requests a second',
  rssKib: 'resident, KiB',
  us: 'µs',
  wholeUs: 'with publishing, µs',
};
const labelOf = (figure) => LABELS[figure] ?? figure;

const line = (cells) => `| ${cells.map((text) => String(text).replaceAll('|', '\\|')).join(' | ')} |`;
const ruler = (count) => `|---|---|${'---:|'.repeat(count - 2)}`;
const nameOf = ({ name, unit }) => `${name}${unit ? `, per ${unit}` : ''}`;

// Rows that follow each other and have the same figures share a table.
function rowTables(rows) {
  const out = [];
  let last;
  for (const row of rows) {
    const figures = figuresOf(row.contenders);
    if (figures.join() !== last) {
      const head = ['what', 'who', ...figures.map(labelOf)];
      out.push('', line(head), ruler(head.length));
    }
    last = figures.join();
    for (const [i, [name, who]] of Object.entries(row.contenders).entries()) {
      out.push(line([i ? '' : nameOf(row), name, ...figures.map((figure) => cell(who, figure))]));
    }
  }
  return out;
}

function promiseOf({ figure, of, against, atMost, atLeast }) {
  const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  return `${labelOf(figure)}: ${of}${against ? ` over ${against}` : ''} ${bound}`;
}

function promises(rows) {
  const judged = rows.flatMap((row) => row.limits.filter(({ value }) => value !== null).map((limit) => ({ row, limit })));
  if (!judged.length) return [];
  const body = judged.map(({ row, limit }, i) => (
    line([judged[i - 1]?.row === row ? '' : row.name, promiseOf(limit), show(limit.value), limit.verdict])));
  return ['', line(['promised', 'figure', 'is', '']), '|---|---|---:|---|', ...body];
}

// A chapter per group of what run.mjs wrote as JSON.
export function markdown({ groups }) {
  const chapters = Object.entries(groups).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { title, rounds, rows }]) => {
    const measured = rows.filter((row) => row.contenders);
    const how = `Group \`${name}\`, medians of ${rounds} round${rounds === 1 ? '' : 's'}.`;
    return [`### ${title}`, '', how, ...rowTables(measured), ...promises(measured), ''].join('\n');
  });
  return chapters.join('\n');
}

export const BEGIN = '<!-- figures: run.mjs --markdown writes what is between this and the end -->';
export const END = '<!-- figures: end -->';

// The page with the text between its marks replaced.
export function placed(page, text) {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the page has no place for figures (${BEGIN})`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${text}\n${page.slice(to)}`;
}
