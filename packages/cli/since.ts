// Owns how people name a time in the past: `30m`, `2h`, `7d`, or an ISO 8601 time.

import { Problem } from './problem.ts';

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export function parseSince(text: string, nowMs: number): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * UNITS[unit]!;
  const atMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(atMs)) return atMs;
  throw new Problem(`${JSON.stringify(text)} is not a time`, [
    'for example: --since 30m, --since 7d, --since 2026-01-31T12:00:00Z',
  ]);
}
