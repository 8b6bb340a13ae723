// Owns alarms on metrics: what one is, and what is known of its metric when it is judged.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Statistic, Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import type { AlarmRow } from '../store/alarm-schema.ts';
import { type AlarmRule, judgeAlarm, MORE_PERIODS } from './alarm-state.ts';
import type { App } from './app.ts';
import { LATEST_READING_MS, MINUTE_MS } from './metric-points.ts';
import { readMetricValues } from './metric-reading.ts';
import { type Span, summarize } from './metric-statistics.ts';

export interface AlarmDefinition extends AlarmRule {
  namespace: string;
  metricName: string;
  dimensions: readonly { Name: string; Value: string }[];
  statistic: Statistic;
  unit?: Unit;
  periodSeconds: number;
  description?: string;
  actionsEnabled: boolean;
}

/** AWS has 5,000. Each may look at a week of minutes. */
export const MOST_ALARMS = 200;
/** A whole minute's points are there so long after it. */
const POINTS_COME_MS = LATEST_READING_MS + 5_000;

export function readDefinition({ definition }: Pick<AlarmRow, 'definition'>): AlarmDefinition {
  return JSON.parse(definition) as AlarmDefinition;
}

/** Of a period that long or longer: once an hour, as AWS does with alarms of several days. */
const MAX_PAUSE_MS = 60 * MINUTE_MS;

/** Nothing is news of whole periods sooner. */
export function judgedEveryMs({ definition }: Pick<AlarmRow, 'definition'>): number {
  return Math.min(readDefinition({ definition }).periodSeconds * 1_000, MAX_PAUSE_MS);
}

export type AlarmChange = Pick<AlarmRow, 'state' | 'reason' | 'stateAt'>;

/** Undefined when it stays in its state. */
export async function judge(app: App, alarm: AlarmRow): Promise<AlarmChange | undefined> {
  const definition = readDefinition(alarm);
  const newest = await readNewest(app, alarm.accountId, definition);
  const { state, datapoints } = judgeAlarm(definition, newest, alarm.state);
  if (state === alarm.state) return undefined;
  return { state, reason: renderReason(definition, datapoints), stateAt: app.clock.nowMs() };
}

/** Of whole periods, the newest first. */
async function readNewest(
  app: App,
  accountId: AccountId,
  definition: AlarmDefinition,
): Promise<(number | undefined)[]> {
  const { namespace, metricName, dimensions, statistic, unit, periodSeconds } = definition;
  const count = definition.evaluationPeriods + MORE_PERIODS;
  const span = newestPeriods(app.clock.nowMs(), periodSeconds, count);
  const asked = { namespace, name: metricName, dimensions, unit };
  const found = await readMetricValues(app, accountId, asked, span);
  const periods = summarize(
    found.flatMap(({ values }) => values),
    span,
  );
  const known = new Map(periods.map((period) => [period.atMs, period[statistic]]));
  return Array.from({ length: count }, (_, index) =>
    known.get(span.endMs - (index + 1) * span.periodMs),
  );
}

export function newestPeriods(nowMs: number, periodSeconds: number, count: number): Span {
  const endMs = Math.floor((nowMs - POINTS_COME_MS) / MINUTE_MS) * MINUTE_MS;
  const periodMs = periodSeconds * 1_000;
  return { fromMs: endMs - count * periodMs, endMs, periodMs };
}

function renderReason(definition: AlarmDefinition, datapoints: readonly number[]): string {
  const { comparison, threshold, evaluationPeriods } = definition;
  const needed = definition.datapointsToAlarm ?? evaluationPeriods;
  if (datapoints.length === 0) return 'Insufficient Data: no datapoints were received.';
  const list = datapoints.map((value) => Number(value.toPrecision(6))).join(', ');
  return `Threshold ${comparison} ${threshold}, ${needed} of ${evaluationPeriods} datapoints: the newest known are ${list}.`;
}
