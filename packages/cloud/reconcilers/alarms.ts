// Owns the judging of alarms: each once in a period, by its metric's newest ones.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import { judge, judgedEveryMs } from '../app/alarms.ts';
import type { App } from '../app/app.ts';
import type { AlarmRow } from '../store/alarm-schema.ts';
import { findAlarm, listAllAlarms, updateAlarm } from '../store/alarms.ts';

const EVERY_MS = 60_000;

/** What an alarm was judged as, and in which minute. */
interface Judged {
  configuredAt: number;
  minute: number;
}

export function createAlarms(app: App): Reconciler {
  let judged = new Map<string, Judged>();
  return {
    name: 'alarms',
    listKeys: async () => ['all'],
    reconcile: async () => {
      const alarms = await listAllAlarms(app.store.query);
      const names = new Set(alarms.map(keyOf));
      judged = new Map([...judged].filter(([key]) => names.has(key)));
      const minute = Math.floor(app.clock.nowMs() / EVERY_MS) * EVERY_MS;
      for (const alarm of alarms.filter((each) => isDue(each, judged.get(keyOf(each)), minute))) {
        await judgeOne(app, alarm);
        judged.set(keyOf(alarm), { configuredAt: alarm.configuredAt, minute });
        // Each may add up a week of minutes; then others have their turn.
        await app.clock.sleep(0);
      }
      return { kind: 'again', afterMs: EVERY_MS };
    },
  };
}

function keyOf({ accountId, name }: AlarmRow): string {
  return `${accountId} ${name}`;
}

/** One that was put anew is judged at once, and so is each when the clock was set back. */
function isDue(alarm: AlarmRow, last: Judged | undefined, minute: number): boolean {
  if (last?.configuredAt !== alarm.configuredAt || minute < last.minute) return true;
  return minute >= last.minute + judgedEveryMs(alarm);
}

async function judgeOne(app: App, alarm: AlarmRow): Promise<void> {
  const change = await judge(app, alarm);
  if (change === undefined) return;
  await app.aroundStep('alarms/change-state', () =>
    app.store.transaction(async (tx) => {
      const now = await findAlarm(tx, alarm.accountId, alarm.name);
      // One that was put anew meanwhile is judged anew.
      if (now?.configuredAt !== alarm.configuredAt || now.state !== alarm.state) return;
      await updateAlarm(tx, alarm, change);
    }),
  );
}
