import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createNetworkNames } from '@ironbark/node/host/network-names.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { createEc2, createS3 } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type Listener, listListeners } from '../support/listeners.ts';
import { registerTestImage } from '../support/test-image.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'bridges and other users take root';

/** docs/operate/what-runs.md, "Listeners"; what is not in that list fails the test. */
const DOCUMENTED: readonly { kind: Listener['kind']; address: RegExp; what: string }[] = [
  { kind: 'tcp', address: /^127\.0\.0\.1:\d+$/, what: 'api' },
  { kind: 'tcp', address: /^0\.0\.0\.0:\d+$/, what: 'metadata' },
  { kind: 'unix', address: /\/run\/admin\.sock$/, what: 'admin' },
  { kind: 'udp', address: /^\d+(\.\d+){3}:53$/, what: 'dns' },
  { kind: 'tcp', address: /^\d+(\.\d+){3}:53$/, what: 'dns' },
  { kind: 'udp', address: /^0\.0\.0\.0%ib[0-9a-z]+:67$/, what: 'dhcp' },
];

/** Paths that other systems answered with their environment, state or metrics. */
const CURIOUS = [
  '/',
  '/latest/meta-data/',
  '/latest/user-data',
  '/env',
  '/debug/pprof/',
  '/debug/vars',
  '/metrics',
  '/status',
  '/health',
  '/config.json',
  '/.env',
  '/minio/health/cluster',
  '/minio/bootstrap/v1/verify',
  '/?Action=DescribeInstances&Version=2016-11-15',
  '/?Action=GetCallerIdentity&Version=2011-06-15',
];

describe('what a cloud listens on', { skip }, () => {
  let cloud: CloudUnderTest;
  let listeners: Listener[];
  const named = (what: string) => listeners.filter((one) => documented(one)?.what === what);

  before(async () => {
    const flags = ['--network', 'bridge', '--no-image'];
    cloud = await CloudUnderTest.start({ hypervisor: 'simulated', flags });
    // The name server comes with the first instance of a subnet.
    const image = await registerTestImage(createEc2(cloud), createS3(cloud));
    const one = { MinCount: 1, MaxCount: 1, InstanceType: 't3.micro' } as const;
    await cloud.ec2().call('RunInstances', { ImageId: image, ...one });
    const { cloudId } = (await cloud.status()).config;
    const marks = [cloud.dataDir, `/${createNetworkNames(cloudId).tag}/`];
    // It is started anew for its first name, and opens one socket after the other.
    listeners = await eventually('everything that is documented', async () => {
      const found = await listListeners(marks);
      const seen = new Set(found.map((one) => documented(one)?.what));
      return DOCUMENTED.every(({ what }) => seen.has(what)) ? found : undefined;
    });
  });
  after(() => cloud[Symbol.asyncDispose]());

  test('A4: nothing listens but what is documented', () => {
    assert.deepEqual(
      listeners.filter((one) => documented(one) === undefined),
      [],
    );
    assert.equal(named('api').length, 1);
    assert.equal(named('metadata').length, 1);
  });

  test('A14: no listener tells a stranger anything of the cloud or its environment', async () => {
    const secrets = [cloud.credentials.secretAccessKey, cloud.dataDir, process.env['HOME'] ?? '~'];
    for (const { address } of [...named('api'), ...named('metadata')]) {
      const base = `http://127.0.0.1:${address.split(':')[1]}`;
      for (const path of CURIOUS) {
        for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
          const reply = await fetch(`${base}${path}`, { method, redirect: 'manual' });
          const text = await reply.text();
          assert.ok(
            reply.status >= 400 && reply.status < 500,
            `${method} ${path}: ${reply.status}`,
          );
          for (const secret of secrets) assert.ok(!text.includes(secret), `${method} ${path}`);
        }
      }
    }
  });

  test('A4: another user of the host connects to no socket of the cloud', async () => {
    const paths = await listSockets(cloud.dataDir);
    assert.ok(paths.some((path) => path.endsWith('admin.sock')));
    const program = `
      const paths = JSON.parse(process.argv[1]);
      for (const path of paths) {
        const socket = require('node:net').connect({ path });
        socket.once('connect', () => { console.log('connected', path); socket.destroy(); });
        socket.once('error', (error) => console.log(error.code, path));
      }`;
    // The program is started before the user is changed: Node may lie where that user cannot go.
    const drop = `process.setgroups([]); process.setgid(65534); process.setuid(65534);${program}`;
    const { stdout } = await systemCommands.run(process.execPath, [
      '-e',
      drop,
      JSON.stringify(paths),
    ]);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .filter((line) => !/^(EACCES|EPERM) /.test(line)),
      [],
    );
  });
});

function documented(one: Listener) {
  return DOCUMENTED.find(({ kind, address }) => kind === one.kind && address.test(one.address));
}

async function listSockets(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((one) => one.isSocket()).map((one) => join(one.parentPath, one.name));
}
