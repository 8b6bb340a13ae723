import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { SimulatedNetwork } from '../host/simulated-network.ts';
import { IntentStore } from '../store/intent.ts';
import { Ports } from './ports.ts';

class CountingNetwork extends SimulatedNetwork {
  looks = 0;

  override async ensureSubnets(...args: Parameters<SimulatedNetwork['ensureSubnets']>) {
    this.looks += 1;
    await super.ensureSubnets(...args);
  }
}

test('what was taken off the host is looked for again after a while, not at every change', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-ports-'));
  try {
    let nowMs = 1_000_000;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const network = new CountingNetwork();
    const ports = new Ports(network, await IntentStore.open(folder, 'node-1'), clock);
    await ports.repairSubnets();
    await ports.repairSubnets();
    await ports.ensureSubnets();
    assert.equal(network.looks, 1);
    nowMs += 30_000;
    await ports.ensureSubnets();
    assert.equal(network.looks, 1);
    await ports.repairSubnets();
    assert.equal(network.looks, 2);
  } finally {
    await rm(folder, { recursive: true });
  }
});
