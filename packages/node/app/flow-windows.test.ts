import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowRecord, FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import { FlowWindows } from './flow-windows.ts';

const FLOW: FlowRecord = {
  ...{ direction: 'egress', action: 'ACCEPT', sourceIp: '10.0.0.4', destinationIp: '10.0.0.5' },
  ...{ protocol: 6, sourcePort: 1, destinationPort: 2, packets: 3, bytes: 4 },
};

function window(port: number, minute: number, flows: number): FlowWindow {
  return {
    ...{ interfaceId: `eni-${port}`, instanceId: 'i-1', subnetId: 'subnet-1', vpcId: 'vpc-1' },
    ...{ privateIp: '10.0.0.4', startMs: minute * 60_000, endMs: (minute + 1) * 60_000 },
    ...{ isSkipped: false, flows: Array(flows).fill(FLOW) },
  };
}

test('what was told is kept until it is asked for what comes after', () => {
  const windows = new FlowWindows(1_000);
  assert.deepEqual(windows.read(0), { cursor: 0, windows: [] });
  windows.add([window(1, 0, 2), window(2, 0, 0)]);
  const first = windows.read(0);
  assert.equal(first.windows.length, 2);
  windows.add([window(1, 1, 1)]);
  assert.equal(windows.read(0).windows.length, 3);
  const rest = windows.read(first.cursor);
  assert.deepEqual(rest.windows, [window(1, 1, 1)]);
  assert.deepEqual(windows.read(rest.cursor), { cursor: rest.cursor, windows: [] });
});

test('an answer has so many flows, the next one goes on', () => {
  const windows = new FlowWindows(0);
  windows.add(Array.from({ length: 12 }, (_, minute) => window(1, minute, 4_000)));
  const first = windows.read(0);
  assert.equal(first.windows.length, 4);
  assert.equal(windows.read(first.cursor).windows[0]!.startMs, 240_000);
});

test('of what is too much it is told, for each interface, from when to when it is missing', () => {
  const windows = new FlowWindows(0, 100);
  for (let minute = 0; minute < 11; minute += 1) {
    windows.add([window(1, minute, 8), window(2, minute, 0)]);
  }
  const told = windows.read(0).windows;
  const skipped = told.filter(({ isSkipped }) => isSkipped);
  assert.deepEqual(
    skipped.map(({ interfaceId, startMs, flows }) => [interfaceId, startMs, flows.length]),
    [
      ['eni-1', 0, 0],
      ['eni-2', 0, 0],
    ],
  );
  const kept = told.filter(({ interfaceId, isSkipped }) => interfaceId === 'eni-1' && !isSkipped);
  assert.equal(kept[0]!.startMs, skipped[0]!.endMs);
  assert.equal(kept.at(-1)!.endMs, 660_000);
});
