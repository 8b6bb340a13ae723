import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { whyNoNamespaces } from '../testing/guest-namespace.ts';
import { createTestCloud } from '../testing/test-cloud.ts';
import { createNetworkNames } from './network-names.ts';

const skip = whyNoNamespaces();

test('a tap that was taken away comes back with its filter', { skip }, async () => {
  const cloud = await createTestCloud('tap');
  const network = await cloud.open();
  try {
    const port = await network.ensurePort({ ...cloud.port(5), uid: 65_534 });
    assert.ok(port.kind === 'tap');
    const owner = () => readFile(`/sys/class/net/${port.interfaceName}/owner`, 'utf8');
    assert.equal((await owner()).trim(), '65534');
    await systemCommands.run('ip', ['link', 'delete', port.interfaceName]);
    await network.ensurePort(cloud.port(5));
    // Without an owner anybody on the host could open it.
    assert.equal((await owner()).trim(), '0');
    const names = createNetworkNames(cloud.cloudId);
    const chains = await systemCommands.run('nft', ['list', 'table', 'netdev', names.table]);
    assert.ok(chains.stdout.includes(`hook ingress device "${port.interfaceName}"`));
    const links = await systemCommands.run('ip', ['-o', 'link', 'show', port.interfaceName]);
    assert.ok(links.stdout.includes(`master ${names.bridge(cloud.subnet.id)}`));
  } finally {
    await network.removeAll();
  }
});
