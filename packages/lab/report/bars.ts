// Owns drawing bar charts as SVG: horizontal bars in percent of the host's own dd, the paper's beside ours. Pure.

export interface Bar {
  label: string;
  /** 1 is what the host itself gets. Undefined: not measured. */
  value: number | undefined;
  /** Over the repeats. */
  lowest?: number;
  highest?: number;
  /** The paper's own. */
  paper?: number | undefined;
  /** Written behind the bar. */
  beside: string;
}

export interface BarChart {
  title: string;
  /** Under the title. */
  caption: string;
  groups: readonly { name: string; bars: readonly Bar[] }[];
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
const GRID_STEP = 0.25;
/** A guest may be faster than the host's own dd; beyond this a bar would say nothing of the others. */
const MOST = 1.75;
const COLORS = {
  ours: '#1f6f8b',
  paper: '#c9a227',
  text: '#222',
  faint: '#ccc',
  spread: '#0b2f3d',
};

/** Figures stay readable where a line of the grid passes below them. */
const HALO = 'paint-order="stroke" stroke="#fff" stroke-width="4"';

export function renderBars({ title, caption, groups }: BarChart): string {
  const all = groups.flatMap(({ bars }) => bars);
  const largest = Math.max(
    1,
    ...all.flatMap(({ highest, value, paper }) => [highest ?? value ?? 0, paper ?? 0]),
  );
  const end = Math.min(MOST, Math.ceil(largest / GRID_STEP) * GRID_STEP);
  const height = TOP + groups.length * GROUP_HEAD + all.length * ROW + FOOT;
  const parts = [head(title, caption), grid(end, height), legend()];
  let y = TOP;
  for (const { name, bars } of groups) {
    parts.push(text(12, y + 19, name, 'font-weight="bold"'));
    y += GROUP_HEAD;
    for (const bar of bars) {
      parts.push(renderBar(bar, y, end));
      y += ROW;
    }
  }
  const box = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} font-family="sans-serif" font-size="12" role="img" aria-label="${escapeXml(title)}"><rect width="${WIDTH}" height="${height}" fill="#fff"/>${parts.join('')}</svg>`;
}

function head(title: string, caption: string): string {
  return `${text(12, 24, title, 'font-size="16" font-weight="bold"')}${text(12, 44, caption, 'fill="#555"')}`;
}

function legend(): string {
  const ours = rectangle({ x: LABEL_WIDTH, y: 56, width: 12, color: COLORS.ours });
  const paper = rectangle({ x: LABEL_WIDTH + 110, y: 56, width: 12, color: COLORS.paper });
  return `${ours}${text(LABEL_WIDTH + 18, 67, 'this run')}${paper}${text(LABEL_WIDTH + 128, 67, 'the paper of 2010')}`;
}

function grid(end: number, height: number): string {
  const lines: string[] = [];
  for (let share = 0; share <= end + GRID_STEP / 2; share += GRID_STEP) {
    const x = round(xOf(share, end));
    const color = share === 1 ? '#888' : COLORS.faint;
    lines.push(
      `<line x1="${x}" y1="${TOP}" x2="${x}" y2="${height - FOOT + 6}" stroke="${color}"/>`,
    );
    lines.push(text(x, height - FOOT + 22, `${Math.round(100 * share)} %`, 'text-anchor="middle"'));
  }
  return lines.join('');
}

function renderBar(bar: Bar, y: number, end: number): string {
  const parts = [text(LABEL_WIDTH - 10, y + 12, bar.label, 'text-anchor="end"')];
  if (bar.value === undefined) {
    parts.push(text(LABEL_WIDTH + 6, y + 11, bar.beside, 'fill="#777" font-style="italic"'));
  } else {
    const width = xOf(bar.value, end) - LABEL_WIDTH;
    parts.push(rectangle({ x: LABEL_WIDTH, y, width, color: COLORS.ours }), spread(bar, y, end));
    const behind = xOf(Math.max(bar.value, bar.highest ?? 0), end) + 6;
    parts.push(text(behind, y + 11, bar.beside, HALO));
  }
  if (bar.paper !== undefined) {
    const width = xOf(bar.paper, end) - LABEL_WIDTH;
    parts.push(rectangle({ x: LABEL_WIDTH, y: y + BAR + GAP, width, color: COLORS.paper }));
    const x = LABEL_WIDTH + width + 6;
    parts.push(
      text(x, y + BAR + GAP + 11, `${Math.round(100 * bar.paper)} %`, `fill="#777" ${HALO}`),
    );
  }
  return parts.join('');
}

/** From the lowest to the highest of the repeats. */
function spread({ lowest, highest }: Bar, y: number, end: number): string {
  if (lowest === undefined || highest === undefined || lowest === highest) return '';
  const [from, to, middle] = [xOf(lowest, end), xOf(highest, end), y + BAR / 2].map(round);
  const line = (x1: number, y1: number, x2: number, y2: number) =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${COLORS.spread}" stroke-width="1.5"/>`;
  return [
    line(from!, middle!, to!, middle!),
    line(from!, middle! - 4, from!, middle! + 4),
    line(to!, middle! - 4, to!, middle! + 4),
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
