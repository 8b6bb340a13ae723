// Owns the tests of which public addresses a node answers for while nobody can be asked who has them.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { commandsInNamespace } from '@ironbark/platform/network-namespace.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { createNetworkNames } from './network-names.ts';
import { PublicNeighbours } from './public-neighbours.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);

const PUBLIC = '203.0.113.9';
const PORT = 'eni-00000000000000001' as const;
const VPC = {
  id: 'vpc-00000000000000001',
  ports: [
    {
      interfaceId: PORT,
      nodeId: 'node-1',
      publicIps: [{ privateIp: '10.0.0.4', publicIp: PUBLIC }],
    },
  ],
  locations: [{ nodeId: 'node-1', underlayAddress: '192.0.2.1' }],
} as unknown as VpcIntent;
const HERE = { routed: new Set<string>(), ports: new Set([PORT] as const) };

test('a node whose interface is down when it comes up answers for nothing yet, and fails nobody', {
  skip,
}, async () => {
  await using host = await Namespace.create('kept');
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-neighbours-'));
  try {
    await host.ip('link', 'add', 'eth0', 'type', 'bridge');
    await host.configure('192.0.2.1/24');
    const commands = commandsInNamespace(systemCommands, host.name);
    const neighbours = new PublicNeighbours({
      names: createNetworkNames('kept'),
      place: { directory, commands, namespace: host.name, isHost: true },
      ...{ nodeId: 'node-1', clock: systemClock, logger: silentLogger },
    });
    const answered = async () => (await host.ip('neigh', 'show', 'proxy')).includes(PUBLIC);
    await neighbours.ensure([VPC], HERE, { isKept: true });
    assert.equal(await answered(), false);
    await host.ip('link', 'set', 'eth0', 'up');
    await neighbours.ensure([VPC], HERE, { isKept: true });
    assert.equal(await answered(), true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
