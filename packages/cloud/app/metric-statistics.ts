// Owns how points of a minute become statistics of longer periods. Pure.

import type { Statistic } from '@ironbark/protocol/cloudwatch/types.ts';
import { MINUTE_MS } from './metric-points.ts';

export interface MetricValue {
  /** The beginning of its minute. */
  atMs: number;
  /** How many values were put into it. */
  samples: number;
  sum: number;
  minimum: number;
  maximum: number;
}

/** Of a metric that has one value a minute. */
export function valueOfMinute(atMs: number, value: number): MetricValue {
  return { atMs, samples: 1, sum: value, minimum: value, maximum: value };
}

export interface PeriodStatistics extends Record<Statistic, number> {
  /** The beginning of the period. */
  atMs: number;
}

export interface Span {
  /** A full minute; periods count from here. */
  fromMs: number;
  /** Not part of it. */
  endMs: number;
  periodMs: number;
}

/** AWS rounds the start down to its minute. */
export function createSpan(start: Date, end: Date, periodSeconds: number): Span {
  const fromMs = Math.floor(start.getTime() / MINUTE_MS) * MINUTE_MS;
  return { fromMs, endMs: end.getTime(), periodMs: periodSeconds * 1_000 };
}

export function countPeriods({ fromMs, endMs, periodMs }: Span): number {
  return Math.max(0, Math.ceil((endMs - fromMs) / periodMs));
}

/** In order of time; a period without a point is not there. */
export function summarize(values: readonly MetricValue[], span: Span): PeriodStatistics[] {
  const periods = new Map<number, MetricValue[]>();
  for (const value of values) {
    const { atMs } = value;
    if (atMs < span.fromMs || atMs >= span.endMs) continue;
    const index = Math.floor((atMs - span.fromMs) / span.periodMs);
    const known = periods.get(index);
    if (known === undefined) periods.set(index, [value]);
    else known.push(value);
  }
  return [...periods]
    .toSorted(([one], [other]) => one - other)
    .map(([index, found]) => summarizeOne(span.fromMs + index * span.periodMs, found));
}

function summarizeOne(atMs: number, values: readonly MetricValue[]): PeriodStatistics {
  const sum = values.reduce((total, value) => total + value.sum, 0);
  const samples = values.reduce((total, value) => total + value.samples, 0);
  return {
    atMs,
    SampleCount: samples,
    Sum: sum,
    Average: sum / samples,
    Minimum: values.reduce(
      (least, { minimum }) => Math.min(least, minimum),
      Number.POSITIVE_INFINITY,
    ),
    Maximum: values.reduce(
      (most, { maximum }) => Math.max(most, maximum),
      Number.NEGATIVE_INFINITY,
    ),
  };
}
