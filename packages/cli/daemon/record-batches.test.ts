import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import type { AuditEvent } from '@ironbark/protocol/internal/audit-log.ts';
import { RecordBatches } from './record-batches.ts';

let made = 0;

function event(eventName: string, httpStatus = 200): AuditEvent {
  made += 1;
  return {
    ...{ eventTime: '2026-01-31T12:00:00.000Z', eventSource: 's3.amazonaws.com', eventName },
    ...{ awsRegion: 'us-east-1', sourceIPAddress: '10.0.0.1', requestID: `R${made}` },
    ...{ userIdentity: { type: 'Unknown' }, managementEvent: false, resources: [], httpStatus },
    readOnly: eventName.startsWith('Get'),
  };
}

/** Pauses of a batch are as long as `pause` lasts; all others end at once. */
function start(send: (events: AuditEvent[]) => Promise<void>) {
  const lines: string[] = [];
  let nowMs = 0;
  const clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
  };
  const logger = createLogger({ write: (line) => lines.push(line), nowMs: () => 0 });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { records: new RecordBatches({ send, clock, logger }), lines, pass };
}

const isAway = (error: unknown) => isServiceError(error, 'unavailable');

function away(): ServiceError {
  return new ServiceError({ kind: 'unavailable', resource: 'host', message: 'away' });
}

test('all that wait are told at the first batch that fails, and their records are sent later', async () => {
  const first = Promise.withResolvers<void>();
  const sent: AuditEvent[] = [];
  let attempts = 0;
  let isUp = false;
  const { records } = start(async (events) => {
    attempts += 1;
    if (attempts === 1) await first.promise;
    if (!isUp) throw away();
    sent.push(...events);
  });
  const events = Array.from({ length: 400 }, () => event('PutObject'));
  const told = events.map((each) => assert.rejects(records.record(each), isAway));
  first.resolve();
  await Promise.all(told);
  assert.equal(attempts, 1);
  isUp = true;
  const done = async () => sent.length === events.length;
  await waitFor(done, { clock: systemClock, timeoutMs: 5_000, what: 'all records' });
  assert.deepEqual(sent, events);
});

test('nobody waits for the record of a request that was no operation yet', async () => {
  const { records } = start(() => new Promise(() => {}));
  await records.record(event('Unknown', 503));
  await records.ended();
});

test('what waits is bounded in number and in time, and what is given up is counted', async () => {
  let isUp = false;
  const sent: AuditEvent[] = [];
  const { records, lines, pass } = start(async (events) => {
    if (!isUp) throw away();
    sent.push(...events);
  });
  await assert.rejects(records.record(event('PutObject')), isAway);
  for (let n = 0; n < 6_000; n++) await records.record(event('GetObject'));
  pass(11 * 60_000);
  isUp = false;
  await assert.rejects(records.record(event('PutObject')), isAway);
  isUp = true;
  await records.ended();
  assert.deepEqual(
    sent.map(({ eventName }) => eventName),
    ['PutObject'],
  );
  const counts = lines.map((line) => JSON.parse(line).count).filter((each) => each !== undefined);
  assert.equal(
    counts.reduce((sum, each) => sum + each, 0),
    6_001,
  );
});

test('the end waits for a cloud that does not answer only so long', async () => {
  const { records, lines } = start(() => new Promise(() => {}));
  await records.record(event('GetObject'));
  await records.ended();
  assert.match(lines.join(''), /calls were not recorded.*"count":1/);
});
