// Owns the units of storage and memory, and how they are shown to people.

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

const STEPS: readonly [number, string][] = [
  [GIB, 'GiB'],
  [MIB, 'MiB'],
  [KIB, 'KiB'],
];

/** Writes a byte count for people: `1536` is `1.5 KiB`. */
export function renderBytes(bytes: number): string {
  const step = STEPS.find(([size]) => bytes >= size);
  if (step === undefined) return `${bytes} B`;
  const value = bytes / step[0];
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${step[1]}`;
}

/** `plural` is a regular one: 1 image, 2 images. */
export function renderCount(count: number, plural: string): string {
  return `${count} ${count === 1 ? plural.replace(/s$/, '') : plural}`;
}
