// Owns drawing bar charts as SVG: horizontal bars, in percent of what the host itself gets or in a unit of their own, the
// paper's beside ours. Pure.

export interface Bar {
  label: string;
  /** In the chart's unit; of shares, 1 is what the host itself gets. Undefined: not measured. */
  value: number | undefined;
  /** Over the repeats. */
  lowest?: number;
  highest?: number;
  /** The paper's own. */
  paper?: number | undefined;
  /** Written behind the paper's; its value in the chart's own unit when absent. */
  besidePaper?: string;
  /** Written behind the bar. */
  beside: string;
}

export interface BarChart {
  title: string;
  /** Under the title. */
  caption: string;
  groups: readonly { name: string; bars: readonly Bar[] }[];
  /** In shares of the host's own when absent. */
  scale?: Scale;
  /** What the second bars are; the paper's when absent. */
  others?: string;
}

export interface Scale {
  /** Between two lines of the grid. */
  step: number;
  /** A bar may be longer; beyond this it would say nothing of the others. */
  most: number;
  /** The line that is drawn more strongly. */
  mark: number;
  render(value: number): string;
}

const WIDTH = 1020;
const LABEL_WIDTH = 390;
const RIGHT = 170;
const PLOT = WIDTH - LABEL_WIDTH - RIGHT;
const TOP = 84;
const BAR = 13;
const GAP = 3;
/** Ours, the paper's below it, and air. */
const ROW = 2 * BAR + GAP + 9;
const GROUP_HEAD = 30;
const FOOT = 40;
/** From the end of a bar that is cut off. */
const CUT_AT = 24;
/** A guest may be faster than the host itself. */
const SHARES: Scale = {
  step: 0.25,
  most: 1.75,
  mark: 1,
  render: (share) => `${Math.round(100 * share)} %`,
};
const COLORS = {
  ours: '#1f6f8b',
  paper: '#c9a227',
  text: '#222',
  faint: '#ccc',
  spread: '#0b2f3d',
};

const PAPER = 'the paper of 2010';

/** Figures stay readable where a line of the grid passes below them. */
const HALO = 'paint-order="stroke" stroke="#fff" stroke-width="4"';

export function renderBars(chart: BarChart): string {
  const { title, caption, groups, scale = SHARES, others = PAPER } = chart;
  const all = groups.flatMap(({ bars }) => bars);
  const largest = Math.max(
    scale.mark,
    ...all.flatMap(({ highest, value, paper }) => [highest ?? value ?? 0, paper ?? 0]),
  );
  const end = Math.min(scale.most, Math.ceil(largest / scale.step) * scale.step);
  const height = TOP + groups.length * GROUP_HEAD + all.length * ROW + FOOT;
  const hasPaper = all.some(({ paper }) => paper !== undefined);
  const parts = [
    head(title, caption),
    grid(scale, end, height),
    legend(hasPaper ? others : undefined, all.some(hasSpread)),
  ];
  let y = TOP;
  for (const { name, bars } of groups) {
    parts.push(text(12, y + 19, name, 'font-weight="bold"'));
    y += GROUP_HEAD;
    for (const bar of bars) {
      parts.push(renderBar(bar, y, { end, scale }));
      y += ROW;
    }
  }
  const box = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} font-family="sans-serif" font-size="12" role="img" aria-label="${escapeXml(title)}"><rect width="${WIDTH}" height="${height}" fill="#fff"/>${parts.join('')}</svg>`;
}

function head(title: string, caption: string): string {
  return `${text(12, 24, title, 'font-size="16" font-weight="bold"')}${text(12, 44, caption, 'fill="#555"')}`;
}

function legend(others: string | undefined, isSpread: boolean): string {
  const range = isSpread ? spreadLegend() : '';
  const ours = rectangle({ x: LABEL_WIDTH, y: 56, width: 12, color: COLORS.ours });
  const own = `${ours}${text(LABEL_WIDTH + 18, 67, 'this run')}`;
  if (others === undefined) return `${own}${range}`;
  const other = rectangle({ x: LABEL_WIDTH + 110, y: 56, width: 12, color: COLORS.paper });
  return `${own}${other}${text(LABEL_WIDTH + 128, 67, others)}${range}`;
}

/** Where the second bars' name has ended. */
const SPREAD_AT = LABEL_WIDTH + 290;

function spreadLegend(): string {
  const sign = whisker(SPREAD_AT, SPREAD_AT + 22, 62.5);
  return `${sign}${text(SPREAD_AT + 30, 67, 'lowest to highest round')}`;
}

function grid(scale: Scale, end: number, height: number): string {
  const lines: string[] = [];
  for (let value = 0; value <= end + scale.step / 2; value += scale.step) {
    const x = round(xOf(value, end));
    const color = value === scale.mark ? '#888' : COLORS.faint;
    lines.push(
      `<line x1="${x}" y1="${TOP}" x2="${x}" y2="${height - FOOT + 6}" stroke="${color}"/>`,
    );
    lines.push(text(x, height - FOOT + 22, scale.render(value), 'text-anchor="middle"'));
  }
  return lines.join('');
}

function renderBar(bar: Bar, y: number, { end, scale }: { end: number; scale: Scale }): string {
  const parts = [text(LABEL_WIDTH - 10, y + 12, bar.label, 'text-anchor="end"')];
  if (bar.value === undefined) {
    parts.push(text(LABEL_WIDTH + 6, y + 11, bar.beside, 'fill="#777" font-style="italic"'));
  } else {
    const width = xOf(bar.value, end) - LABEL_WIDTH;
    parts.push(rectangle({ x: LABEL_WIDTH, y, width, color: COLORS.ours }), spread(bar, y, end));
    if (bar.value > end) parts.push(cut(y));
    const behind = xOf(Math.max(bar.value, bar.highest ?? 0), end) + 6;
    parts.push(text(behind, y + 11, bar.beside, HALO));
  }
  if (bar.paper !== undefined) {
    const width = xOf(bar.paper, end) - LABEL_WIDTH;
    parts.push(rectangle({ x: LABEL_WIDTH, y: y + BAR + GAP, width, color: COLORS.paper }));
    const x = LABEL_WIDTH + width + 6;
    parts.push(
      text(
        x,
        y + BAR + GAP + 11,
        bar.besidePaper ?? scale.render(bar.paper),
        `fill="#777" ${HALO}`,
      ),
    );
  }
  return parts.join('');
}

/** A bar that goes on beyond the last line. */
function cut(y: number): string {
  return [CUT_AT, CUT_AT + 7]
    .map((left) => LABEL_WIDTH + PLOT - left)
    .map((x) => `<path d="M${x} ${y + BAR + 1}l5 -${BAR + 2}" stroke="#fff" stroke-width="3"/>`)
    .join('');
}

function hasSpread({ lowest, highest }: Bar): boolean {
  return lowest !== undefined && highest !== undefined && lowest !== highest;
}

/** From the lowest to the highest of the repeats. */
function spread(bar: Bar, y: number, end: number): string {
  if (!hasSpread(bar)) return '';
  return whisker(xOf(bar.lowest!, end), xOf(bar.highest!, end), y + BAR / 2);
}

function whisker(left: number, right: number, height: number): string {
  const [from, to, middle] = [left, right, height].map(round) as [number, number, number];
  const line = (x1: number, y1: number, x2: number, y2: number) =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${COLORS.spread}" stroke-width="1.5"/>`;
  return [
    line(from, middle, to, middle),
    line(from, middle - 4, from, middle + 4),
    line(to, middle - 4, to, middle + 4),
  ].join('');
}

function xOf(share: number, end: number): number {
  return LABEL_WIDTH + (PLOT * Math.min(share, end)) / end;
}

function rectangle(at: { x: number; y: number; width: number; color: string }): string {
  const width = round(Math.max(at.width, 0.5));
  return `<rect x="${at.x}" y="${at.y}" width="${width}" height="${BAR}" fill="${at.color}"/>`;
}

function text(x: number, y: number, words: string, more = ''): string {
  const fill = more.includes('fill=') ? '' : ` fill="${COLORS.text}"`;
  return `<text x="${round(x)}" y="${round(y)}"${fill} ${more}>${escapeXml(words)}</text>`;
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

export function escapeXml(words: string): string {
  return words
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
