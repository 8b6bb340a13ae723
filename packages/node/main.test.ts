import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import {
  createNodeLab,
  guestsOf,
  numbered,
  powersOf,
  SUBNET,
  untilQuiet,
} from './testing/node-lab.ts';

describe('a node', () => {
  test('runs what its intent says and reports it', async () => {
    await using lab = await createNodeLab();
    await using node = await lab.start();
    let changes = 0;
    node.client.onChange(() => {
      changes += 1;
    });
    await lab.put(node, [numbered(1)]);
    await untilQuiet(node);
    const report = await node.client.getReport();
    assert.equal(report.intentGeneration, 1);
    assert.equal(report.hypervisor, 'simulated');
    assert.equal(report.network, 'simulated');
    assert.equal(report.capacity.memoryMib, 64_000);
    assert.ok(report.capacity.vcpus > 0 && report.capacity.diskFreeBytes > 0);
    const [seen] = report.instances;
    assert.equal(seen?.power, 'running');
    assert.equal(seen.generation, 1);
    assert.equal(seen.rootDiskProfile?.name, 'direct');
    assert.ok(seen.startedAt !== undefined);
    assert.ok(changes >= 2, 'its changes were told');
    const { bytes } = await node.client.getConsoleOutput(seen.id);
    assert.match(Buffer.from(bytes).toString(), /boot 1/);
    assert.equal(node.findInstanceByAddress('172.31.1.1')?.id, seen.id);
  });

  test('a guest that is stuck with a volume holds up neither newer intents nor other guests', async () => {
    await using lab = await createNodeLab();
    const stuck = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const aroundStep: AroundStep = async (step, take) => {
      if (step === 'instance/unplug-volume') {
        reached.resolve();
        await stuck.promise;
      }
      return await take();
    };
    await using node = await lab.start({ aroundStep });
    const source = { kind: 'nbd-unix', socketPath: '/nowhere', exportName: 'v' } as const;
    const volume = {
      volumeId: 'vol-0123456789abcdef0',
      deviceName: '/dev/sdf',
      sizeBytes: 1,
    } as const;
    const volumes = [{ ...volume, source, profile: DIRECT }];
    await lab.put(node, [numbered(1, { volumes }), numbered(2)]);
    await untilQuiet(node);
    await lab.put(node, [numbered(1, { generation: 2 }), numbered(2)]);
    await reached.promise;
    const off = { power: 'stopped', generation: 2 } as const;
    await lab.put(node, [numbered(1, { power: 'stopped', generation: 3 }), numbered(2, off)]);
    const powers = async () => (await powersOf(node)).sort().join();
    const timing = { clock: systemClock, timeoutMs: 10_000 };
    await waitFor(async () => (await powers()) === 'running,stopped', { ...timing, what: 'one' });
    assert.equal((await node.client.getReport()).intentGeneration, 3);
    stuck.resolve();
    await waitFor(async () => (await powers()) === 'stopped,stopped', { ...timing, what: 'both' });
  });

  test('a console of an instance that it does not have is not-found', async () => {
    await using lab = await createNodeLab();
    await using node = await lab.start();
    await assert.rejects(node.client.getConsoleOutput('i-00000000'), (error) =>
      isServiceError(error, 'not-found'),
    );
    await assert.rejects(node.readDiskStats('i-00000000'), (error) =>
      isServiceError(error, 'not-found'),
    );
  });

  test('takes its guests up again, and one that an intent forgot keeps running', async () => {
    await using lab = await createNodeLab();
    {
      await using node = await lab.start();
      await lab.put(node, [numbered(1), numbered(2)]);
      await untilQuiet(node);
    }
    await using node = await lab.start();
    const before = await node.client.getReport();
    assert.deepEqual(await powersOf(node), ['running', 'running']);
    await lab.put(node, [numbered(2)]);
    await untilQuiet(node);
    const after = await node.client.getReport();
    const startedAt = (report: typeof before) =>
      report.instances.map(({ id, startedAt }) => `${id} ${startedAt}`).sort();
    assert.deepEqual(startedAt(after), startedAt(before));
    await lab.put(node, [numbered(1, { power: 'terminated' }), numbered(2)]);
    await untilQuiet(node);
    assert.deepEqual((await powersOf(node)).sort(), ['running', 'terminated']);
    await lab.put(node, [numbered(2)]);
    assert.deepEqual(await powersOf(node), ['running']);
  });

  test('a halt stops the guests, hides that from the cloud, and the next start boots them again', async () => {
    await using lab = await createNodeLab();
    {
      await using node = await lab.start();
      await lab.put(node, [numbered(1), numbered(2, { power: 'stopped' })]);
      await untilQuiet(node);
      await node.halt({ timeoutMs: 5_000 });
      assert.deepEqual(await guestsOf(lab), []);
      assert.deepEqual(await lab.network.listPorts(), []);
      assert.deepEqual(await powersOf(node), ['running', 'stopped']);
    }
    await using node = await lab.start();
    await untilQuiet(node);
    assert.deepEqual(await powersOf(node), ['running', 'stopped']);
    assert.equal((await guestsOf(lab)).length, 1);
  });

  test('a node that was halted leaves its network alone, whatever it is told', async () => {
    await using lab = await createNodeLab();
    const steps: string[] = [];
    const aroundStep: AroundStep = (step, take) => {
      steps.push(step);
      return take();
    };
    {
      await using node = await lab.start({ aroundStep });
      await lab.put(node, [numbered(1)]);
      await untilQuiet(node);
      assert.ok(steps.includes('network/ensure-subnets'));
      await node.halt({ timeoutMs: 5_000 });
      steps.length = 0;
      await lab.put(node, [numbered(1), numbered(2)]);
    }
    assert.deepEqual(steps, []);
  });

  test('a halt does not wait for guests that ignore it', async () => {
    await using lab = await createNodeLab({ ignoresShutdown: true });
    await using node = await lab.start();
    await lab.put(node, [numbered(1)]);
    await untilQuiet(node);
    await node.halt({ timeoutMs: 200 });
    assert.deepEqual(await guestsOf(lab), []);
  });

  test('memory is not promised twice: the launch fails and says why, and others run on', async () => {
    await using lab = await createNodeLab();
    await using node = await lab.start({ capacity: { memoryMib: 600 } });
    await lab.put(node, [numbered(1), numbered(2)]);
    await untilQuiet(node);
    await lab.put(node, [numbered(1), numbered(2), numbered(3)]);
    await untilQuiet(node);
    const { instances } = await node.client.getReport();
    const third = instances.find(({ id }) => id === numbered(3).id);
    assert.equal(third?.power, 'failed');
    assert.match(third.reason ?? '', /88 MiB of memory left/);
    assert.deepEqual((await guestsOf(lab)).length, 2);
    // Once another is gone, a newer intent of it is tried again.
    const ended = numbered(1, { power: 'terminated', generation: 2 });
    await lab.put(node, [ended, numbered(2), numbered(3)]);
    await untilQuiet(node);
    await lab.put(node, [ended, numbered(2), numbered(3, { generation: 2 })]);
    await untilQuiet(node);
    assert.deepEqual((await powersOf(node)).sort(), ['running', 'running', 'terminated']);
  });

  test('a sign of life from inside is shown, and again after a restart of the guest only', async () => {
    await using lab = await createNodeLab();
    await using node = await lab.start();
    await lab.put(node, [numbered(1)]);
    const reachable = async () => (await node.client.getReport()).instances[0]?.reachableAt;
    await waitFor(reachable, { clock: systemClock, timeoutMs: 5_000, what: 'a sign of life' });
    await lab.put(node, [numbered(1, { power: 'stopped', generation: 2 })]);
    await untilQuiet(node);
    assert.equal(await reachable(), undefined);
  });

  test('twenty instances on a hypervisor that fails now and then all settle, and nothing is left of them', async () => {
    const delayMs = [0, 20] as const;
    await using lab = await createNodeLab({ failureRate: 0.3, delayMs });
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    {
      await using node = await lab.start();
      await lab.put(
        node,
        ids.map((n) => numbered(n)),
      );
      await untilQuiet(node);
      assert.deepEqual(new Set(await powersOf(node)), new Set(['running']));
      assert.equal((await guestsOf(lab)).length, 20);
      await lab.put(
        node,
        ids.map((n) => numbered(n, { power: 'terminated', generation: 2 })),
      );
    }
    // The daemon went away in the middle of it.
    await using node = await lab.start();
    await untilQuiet(node);
    assert.deepEqual(new Set(await powersOf(node)), new Set(['terminated']));
    assert.deepEqual(await guestsOf(lab), []);
    assert.deepEqual(await lab.network.listPorts(), []);
    assert.deepEqual(await readdir(join(lab.dataDir, 'instances')), []);
    await lab.put(node, []);
    assert.deepEqual(await powersOf(node), []);
  });

  test('a hundred guests are taken up together', async () => {
    await using lab = await createNodeLab();
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    {
      await using node = await lab.start();
      await lab.put(
        node,
        ids.map((n) => numbered(n)),
      );
      await untilQuiet(node);
    }
    const startedMs = systemClock.monotonicMs();
    await using node = await lab.start();
    const tookMs = systemClock.monotonicMs() - startedMs;
    assert.equal((await powersOf(node)).filter((power) => power === 'running').length, 100);
    // Two seconds on a quiet machine; one after the other they would take more than this on any.
    assert.ok(tookMs < 10_000, `${tookMs} ms`);
  });

  test('ports that belong to no instance are removed', async () => {
    await using lab = await createNodeLab();
    await using node = await lab.start();
    await lab.put(node, [numbered(1)]);
    await untilQuiet(node);
    const stray = { ...numbered(9).interfaces[0]!, instanceId: 'i-9' as InstanceId };
    const { id: interfaceId, macAddress, privateIp, profile } = stray;
    const port = { interfaceId, macAddress, privateIp, profile };
    const rest = { instanceId: stray.instanceId, subnet: SUBNET, hostname: 'x', vcpus: 1 };
    await lab.network.ensurePort({ ...port, ...rest });
    await lab.put(node, [numbered(1)]);
    await untilQuiet(node);
    assert.deepEqual(await lab.network.listPorts(), [numbered(1).interfaces[0]!.id]);
  });
});
