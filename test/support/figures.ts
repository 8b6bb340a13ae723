// Owns a measured figure: what was measured, against what it has to reach.

export interface Figure {
  name: string;
  value: number;
  bar: number;
  ok: boolean;
}

export function renderFigures(figures: readonly Figure[]): string {
  const width = Math.max(...figures.map((figure) => figure.name.length));
  const lines = figures.map(({ name, value, bar, ok }) => {
    const columns = [name.padEnd(width), String(value).padStart(7), String(bar).padStart(7)];
    return `${columns.join('  ')}  ${ok ? 'ok' : 'MISSED'}`;
  });
  return [`${'figure'.padEnd(width)}    value      bar`, ...lines].join('\n');
}

/** The median of several measurements, which has to be at most the bar. */
export function medianFigure(name: string, values: readonly number[], bar: number): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const value = Math.round(sorted[Math.floor(sorted.length / 2)]!);
  return { name, value, bar, ok: value <= bar };
}

/** The median of several ratios, which has to be at least the bar; without one it is shown and nothing is asked of it. */
export function ratioFigure(name: string, values: readonly number[], bar = 0): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const value = Number(sorted[Math.floor(sorted.length / 2)]!.toFixed(2));
  return { name, value, bar, ok: value >= bar };
}

/** What 99 of 100 measurements do not exceed, which has to be at most the bar. */
export function percentileFigure(name: string, values: readonly number[], bar: number): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const value = Math.round(sorted[Math.ceil(sorted.length * 0.99) - 1]!);
  return { name, value, bar, ok: value <= bar };
}

export function atMost(name: string, value: number, bar: number): Figure {
  return { name, value: rounded(value), bar, ok: value <= bar };
}

export function atLeast(name: string, value: number, bar: number): Figure {
  return { name, value: rounded(value), bar, ok: value >= bar };
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}

/** A count of what must not happen. */
export function zeroFigure(name: string, value: number): Figure {
  return { name, value, bar: 0, ok: value === 0 };
}

/**
 * Those that missed their bar, but for times: a time says as much about what else the host does. The commands hold
 * times to their bars, tests everything else.
 */
export function missedInTest(figures: readonly Figure[]): Figure[] {
  return figures.filter(({ name, ok }) => !ok && !/\bms$/.test(name));
}
