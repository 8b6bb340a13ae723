import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom, systemRandom } from '@ironbark/platform/random.ts';
import { findFreePort } from './free-port.ts';
import type { HostNetwork, PortSpec } from './host-network.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { createUserNetwork } from './user-network.ts';

const SUBNET = {
  id: 'subnet-0123456789abcdef0' as const,
  cidr: '172.31.0.0/20',
  gatewayIp: '172.31.0.1',
  vpcCidr: '172.31.0.0/16',
  domain: 'ec2.internal',
};

function portSpec(digit: number): PortSpec {
  return {
    instanceId: `i-0000000000000000${digit}`,
    interfaceId: `eni-0000000000000000${digit}`,
    macAddress: `02:00:00:00:00:0${digit}`,
    privateIp: `172.31.0.1${digit}`,
    hostname: `ip-172-31-0-1${digit}.ec2.internal`,
    subnet: SUBNET,
    vcpus: 1,
    profile: PARAVIRTUAL,
  };
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-user-network-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const open = (folder: string) =>
  createUserNetwork({ dataDir: folder, random: systemRandom, logger: silentLogger });

async function withListener(port: number, body: () => Promise<void>): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  try {
    await body();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test('ports, secrets and the metadata port are the same after a restart', async () => {
  await withFolder(async (folder) => {
    const first = await open(folder);
    const before = await first.ensurePort(portSpec(1));
    const second = await open(folder);
    assert.equal(second.metadataPort, first.metadataPort);
    assert.deepEqual(await second.ensurePort(portSpec(1)), before);
    assert.deepEqual(await second.listPorts(), [portSpec(1).interfaceId]);
  });
});

test('guests that start at once get ports and secrets of their own', async () => {
  await withFolder(async (folder) => {
    const network = await open(folder);
    const all = await Promise.all([1, 2, 3, 4, 5].map((n) => network.ensurePort(portSpec(n))));
    const users = all.filter((port) => port.kind === 'user');
    assert.equal(new Set(users.map((port) => port.sshPort)).size, 5);
    assert.equal(new Set(users.map((port) => port.metadataUrl)).size, 5);
  });
});

test('a secret names its guest until the port is removed', async () => {
  await withFolder(async (folder) => {
    const network = await open(folder);
    const port = await network.ensurePort(portSpec(1));
    assert.ok(port.kind === 'user');
    const url = new URL(port.metadataUrl);
    assert.equal(url.host, `10.0.2.2:${network.metadataPort}`);
    const secret = url.pathname.split('/')[1]!;
    assert.match(secret, /^[0-9a-f]{32}$/);
    assert.equal(network.findAddress(secret), portSpec(1).privateIp);
    assert.equal(network.findAddress(''), undefined);
    await network.removePort(portSpec(1).interfaceId);
    assert.equal(network.findAddress(secret), undefined);
    assert.equal((await open(folder)).findAddress(secret), undefined);
  });
});

test('a port that somebody listens on is not chosen', async () => {
  const random = () => seededRandom(7);
  const wouldTake = await findFreePort(random(), new Set());
  await withListener(wouldTake, async () => {
    assert.notEqual(await findFreePort(random(), new Set()), wouldTake);
  });
  assert.notEqual(await findFreePort(random(), new Set([wouldTake])), wouldTake);
});

test('a port that was taken while its guest was off is chosen anew, and only then', async () => {
  await withFolder(async (folder) => {
    const network = await open(folder);
    const before = await network.ensurePort(portSpec(1));
    assert.ok(before.kind === 'user');
    assert.deepEqual(await network.ensurePort({ ...portSpec(1), isIdle: true }), before);
    await withListener(before.sshPort, async () => {
      // The listener may be the guest itself.
      assert.deepEqual(await network.ensurePort(portSpec(1)), before);
      const anew = await network.ensurePort({ ...portSpec(1), isIdle: true });
      assert.ok(anew.kind === 'user');
      assert.notEqual(anew.sshPort, before.sshPort);
      assert.deepEqual(await (await open(folder)).ensurePort(portSpec(1)), anew);
    });
  });
});

test('a metadata port that was taken meanwhile is chosen anew and kept', async () => {
  await withFolder(async (folder) => {
    const { metadataPort } = await open(folder);
    await withListener(metadataPort, async () => {
      const anew = await open(folder);
      assert.notEqual(anew.metadataPort, metadataPort);
      assert.equal((await open(folder)).metadataPort, anew.metadataPort);
    });
  });
});

const KINDS: [string, (folder: string) => Promise<HostNetwork>][] = [
  ['user', open],
  ['simulated', async () => new SimulatedNetwork()],
];

for (const [kind, make] of KINDS) {
  test(`a ${kind} network keeps the contract of ports`, async () => {
    await withFolder(async (folder) => {
      const network = await make(folder);
      assert.equal(network.kind, kind);
      await network.ensureSubnets([SUBNET]);
      const once = await network.ensurePort(portSpec(1));
      assert.equal(once.kind, kind);
      assert.deepEqual(await network.ensurePort(portSpec(1)), once);
      await network.ensurePort(portSpec(2));
      assert.equal((await network.listPorts()).length, 2);
      await network.removePort(portSpec(1).interfaceId);
      await network.removePort(portSpec(1).interfaceId);
      assert.deepEqual(await network.listPorts(), [portSpec(2).interfaceId]);
      await network.removeAll();
      assert.deepEqual(await network.listPorts(), []);
      await network.removeAll();
    });
  });
}
