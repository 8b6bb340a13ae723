import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { HostNetwork, PortSpec } from './host/host-network.ts';
import { startNodeNetwork } from './node-network.ts';
import { createGuest, FETCH, whyNoNamespaces } from './testing/guest-namespace.ts';
import { instanceIntent } from './testing/instance-intent.ts';
import { createTestCloud } from './testing/test-cloud.ts';

const skip = whyNoNamespaces();

function start(kind: HostNetwork['kind'], cloudId: string, dataDir: string) {
  const clock = systemClock;
  const shared = { clock, commands: systemCommands, logger: silentLogger, random: systemRandom };
  return startNodeNetwork({ kind, cloudId, dataDir, ...shared });
}

/** A node that knows the instance behind one port. */
function sourceOf(port: PortSpec) {
  const reads: string[] = [];
  return {
    reads,
    findInstanceByAddress: (address: string) =>
      address === port.privateIp ? instanceIntent({ id: port.instanceId }) : undefined,
    onMetadataRead: (id: string) => reads.push(id),
    guestVolumes: {
      render: () => ({ tag: '', text: '' }),
      hear: () => false,
      untilChange: async () => {},
    },
  };
}

test('a guest in user mode finds its metadata at its URL, before and after a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-node-network-'));
  const cloud = await createTestCloud('user');
  const source = sourceOf(cloud.port(5));
  try {
    const urls: string[] = [];
    for (const _start of ['first', 'second']) {
      await using node = await start('user', cloud.cloudId, folder);
      const port = await node.network.ensurePort(cloud.port(5));
      assert.ok(port.kind === 'user');
      urls.push(port.metadataUrl);
      // Seen from the host itself, slirp's 10.0.2.2 is the loopback.
      const url = port.metadataUrl.replace('10.0.2.2', '127.0.0.1');
      const read = () => fetch(`${url}latest/meta-data/instance-id`);
      assert.equal((await read()).status, 503);
      node.attach(source);
      assert.equal(await (await read()).text(), cloud.port(5).instanceId);
      assert.equal((await fetch(new URL('/latest/meta-data/', url))).status, 404);
    }
    assert.equal(urls[0], urls[1]);
    assert.deepEqual(source.reads, [cloud.port(5).instanceId, cloud.port(5).instanceId]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a guest on a bridge finds its metadata, before and after a restart', { skip }, async () => {
  const cloud = await createTestCloud('node');
  const source = sourceOf(cloud.port(5));
  await using guest = await createGuest(cloud.cloudId, cloud.port(5));
  for (const _start of ['first', 'second']) {
    await using node = await start('bridge', cloud.cloudId, '/nonexistent');
    await node.network.ensureSubnets([cloud.subnet]);
    await node.network.ensurePort(cloud.port(5));
    node.attach(source);
    if (source.reads.length === 0) {
      await guest.configure(`${cloud.address(5)}/20`, cloud.address(1));
    }
    const url = 'http://169.254.169.254/latest/meta-data/instance-id';
    assert.equal(await guest.script(FETCH, url), cloud.port(5).instanceId);
  }
  assert.equal(source.reads.length, 2);
  await using node = await start('bridge', cloud.cloudId, '/nonexistent');
  await node.network.removeAll();
});

test('a simulated network needs nothing', async () => {
  await using node = await start('simulated', 'any', '/nonexistent');
  assert.equal(node.network.kind, 'simulated');
});
