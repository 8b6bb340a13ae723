import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import type { AuditEvent } from '@ironbark/protocol/internal/audit-log.ts';
import { GatewayRecords } from './gateway-records.ts';

const EVENT = { eventName: 'CreateBucket', requestID: 'A', managementEvent: true } as AuditEvent;

function start(record: (event: AuditEvent) => Promise<void>) {
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const logger = createLogger({ write: () => {}, nowMs: () => 0 });
  const records = new GatewayRecords({ name: 'east', audit: { record }, clock, logger });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { records, pass };
}

test('a call that is sent again is recorded once, and again where it was not recorded', async () => {
  let attempts = 0;
  const { records } = start(async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('no room on the disk');
  });
  await assert.rejects(records.record(EVENT));
  await Promise.all([records.record(EVENT), records.record(EVENT)]);
  await records.record(EVENT);
  assert.equal(attempts, 2);
});

test('one gateway cannot fill the management events', async () => {
  const kept: AuditEvent[] = [];
  const { records, pass } = start(async (event) => {
    kept.push(event);
  });
  const send = (n: number) => records.record({ ...EVENT, requestID: String(n) });
  for (let n = 0; n < 1_000; n++) await send(n);
  assert.equal(kept.length, 1_000);
  assert.equal(kept.filter(({ managementEvent }) => managementEvent).length, 600);
  pass(60_000);
  await send(1_000);
  assert.equal(kept.at(-1)!.managementEvent, true);
});
