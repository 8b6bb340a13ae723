import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { instanceIntent, metadataIntent } from '@ironbark/node/testing/instance-intent.ts';
import type { NodeIntent, VolumeIntent } from '../instance-messages.ts';
import type { VpcIntent } from '../network-messages.ts';
import type { NodeClient } from '../node-client.ts';
import type { NodeBounds } from './instance-checks.ts';
import { nodeVerbs } from './node-wire.ts';

const NODE_ID = 'node-a';
const VOLUME = 'vol-0123456789abcdef0';
const exportSocket = (id: string, opening?: number) =>
  `/cloud/storage/run/exports/${id}${opening === undefined ? '' : `.${opening}`}.nbd`;

const volume: VolumeIntent = {
  volumeId: VOLUME,
  deviceName: '/dev/sdf',
  sizeBytes: 2 ** 30,
  source: { kind: 'nbd-unix', socketPath: exportSocket(VOLUME, 3), exportName: VOLUME },
  profile: DIRECT,
};

const vpc: VpcIntent = {
  id: 'vpc-0123456789abcdef0',
  networkNumber: 7,
  cidrs: ['10.0.0.0/16'],
  ipv6Cidrs: ['fd12:3456:789a:bc00::/56'],
  hasDns: true,
  dhcp: { domainName: 'ec2.internal', domainNameServers: ['AmazonProvidedDNS'], ntpServers: [] },
  subnets: [
    {
      id: 'subnet-0123456789abcdef1',
      cidr: '10.0.1.0/24',
      gatewayIp: '10.0.1.1',
      ipv6: { cidr: 'fd12:3456:789a:bc01::/64', gatewayIp: 'fd12:3456:789a:bc01::1' },
      routes: [
        { destination: '10.0.0.0/16', target: { kind: 'local' } },
        { destination: '0.0.0.0/0', target: { kind: 'internet', masquerades: true } },
        { destination: '9.0.0.0/8', target: { kind: 'nat', publicIp: '203.0.113.7' } },
      ],
      acl: [{ ruleNumber: 100, isEgress: false, isAllowed: true, protocol: -1, cidr: '0.0.0.0/0' }],
    },
  ],
  groups: [
    {
      id: 'sg-0123456789abcdef0',
      ingress: [
        { protocol: -1, peer: { kind: 'group', groupId: 'sg-0123456789abcdef0' } },
        { protocol: 6, ports: { from: 22, to: 22 }, peer: { kind: 'cidr', cidr: '0.0.0.0/0' } },
      ],
      egress: [
        { protocol: -1, peer: { kind: 'cidr', cidr: '0.0.0.0/0' } },
        { protocol: 58, peer: { kind: 'cidr', cidr: '::/0' } },
      ],
    },
  ],
  ports: [
    {
      interfaceId: 'eni-0123456789abcdef0',
      subnetId: 'subnet-0123456789abcdef1',
      nodeId: NODE_ID,
      macAddress: '02:00:00:00:00:01',
      privateIps: ['10.0.1.4'],
      ipv6Addresses: ['fd12:3456:789a:bc01::4'],
      publicIps: [{ privateIp: '10.0.1.4', publicIp: '203.0.113.8' }],
      groupIds: ['sg-0123456789abcdef0'],
      checksSource: true,
    },
  ],
  locations: [{ nodeId: 'node-1', underlayAddress: '192.0.2.1' }],
};

function intent(): NodeIntent {
  const { image } = instanceIntent();
  const kernel = { ...image.root!, encoding: 'zstd' as const };
  const full = instanceIntent({
    image: { ...image, kernel, initrd: kernel, kernelParameters: 'root=/dev/vda quiet' },
    volumes: [volume],
    metadata: metadataIntent({ userData: 'aGVsbG8=', tags: { Name: 'a b/c=d\n', ключ: '' } }),
  });
  const subnet = {
    id: 'subnet-0123456789abcdef0' as const,
    cidr: '172.31.0.0/20',
    gatewayIp: '172.31.0.1',
    vpcCidr: '172.31.0.0/16',
    domain: 'ec2.internal',
  };
  const { ports: _, ...rest } = vpc;
  const frame = { ...rest, subnets: [], groups: [] };
  const versions = { since: 6, generation: 7 };
  return {
    ...{ nodeId: NODE_ID, generation: 7, subnets: [subnet], instances: [full] },
    vpcs: [vpc],
    vpcVersions: [{ id: vpc.id, generation: 7 }],
    vpcChanges: [{ ...versions, frame, ports: [], gone: ['eni-0123456789abcdef0'] }],
  };
}

function openNode(more: Partial<NodeBounds> = {}) {
  const taken: NodeIntent[] = [];
  const asked: string[] = [];
  const node: Omit<NodeClient, 'onChange'> = {
    putIntent: async (given) => {
      taken.push(given);
    },
    getReport: async () => {
      throw new Error('not asked here');
    },
    getConsoleOutput: async (id) => {
      asked.push(id);
      return { bytes: Buffer.from('hello'), updatedAt: '2026-11-22T10:00:00.000Z' };
    },
    readVolumes: async () => [],
    readNetwork: async () => [],
    readFlows: async (after) => ({ cursor: after, windows: [] }),
  };
  const bounds = { vpcCidr: '172.31.0.0/16', exportSocket, ...more };
  return { verbs: nodeVerbs({ node, nodeId: NODE_ID, bounds }), taken, asked, node };
}

/** As it comes from a wire: plain JSON. */
function onWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

type Path = readonly (string | number)[];

function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inside]) => leavesOf(inside, [...path, name]));
}

function replaced(path: Path, by: unknown): unknown {
  const whole = onWire(intent()) as Record<string | number, unknown>;
  let place = whole;
  for (const name of path.slice(0, -1)) place = place[name] as Record<string | number, unknown>;
  place[path.at(-1)!] = by;
  return whole;
}

async function isRefused(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return false;
  } catch (error) {
    assert.ok(isServiceError(error, 'malformed-input'), String(error));
    return true;
  }
}

async function assertRefused(message: unknown): Promise<void> {
  const { verbs, taken } = openNode();
  assert.ok(await isRefused(async () => verbs['putIntent']!(message)), JSON.stringify(message));
  assert.deepEqual(taken, []);
}

test('a whole intent passes as it is, with every field', async () => {
  const { verbs, taken } = openNode();
  await verbs['putIntent']!(onWire(intent()));
  assert.deepEqual(taken, [intent()]);
});

/** Of protocols, and of types and codes of ICMP, -1 is all. */
const MEANS_ALL = /\.(?:protocol|ports\.from|ports\.to)$/;

test('A4: a value of another type in any place is refused, and the node is not told', async () => {
  for (const path of leavesOf(intent())) {
    for (const by of [null, [], {}, [[]], { toString: 'x' }, -1, 0.5, 1e300, !0]) {
      const before = path.reduce<unknown>(
        (value, name) => (value as Record<string | number, unknown>)[name],
        intent(),
      );
      if (typeof by === typeof before && typeof by === 'boolean') continue;
      if (by === -1 && MEANS_ALL.test(path.join('.'))) continue;
      await assertRefused(replaced(path, by));
    }
  }
});

/** Texts that people choose and that go nowhere but to the guest that is theirs. */
const FREE_TEXT = /^instances\.0\.metadata\.(?:userData|keys\.0\.\w+|securityGroups\.0|tags\..*)$/;
const HOSTILE = [
  '..',
  '../../etc/shadow',
  '/etc/shadow',
  'i-../../../../tmp/x',
  'a\nb',
  'a\0b',
  '-x',
  'a,b=c',
  '$(id)',
  '\u{202e}x',
  'x'.repeat(100_000),
];
/** Places that one of those is a good value of: a device may be called so, an object's key is no path. */
const HARMLESS = /\.(?:deviceName|key|kernelParameters)$/;

test('A4: paths, options, newlines and huge texts are refused wherever a text can reach the host', async () => {
  for (const path of leavesOf(intent())) {
    const name = path.join('.');
    if (FREE_TEXT.test(name)) continue;
    for (const text of HOSTILE) {
      const isHarmless = HARMLESS.test(name) && /^[\x20-\x7e]{1,256}$/.test(text);
      if (!isHarmless) await assertRefused(replaced(path, text));
    }
  }
});

test('fields that nobody knows, and those that are missing, are refused', async () => {
  await assertRefused(replaced(['shell'], 'x'));
  await assertRefused(replaced(['instances', 0, 'argv'], ['x']));
  await assertRefused(replaced(['instances', 0, 'image', 'root', 'path'], '/etc/shadow'));
  await assertRefused(JSON.parse('{"__proto__":{"nodeId":"node-a"}}'));
  const { generation: _generation, ...rest } = intent();
  for (const message of [rest, [], null, 'x', 7, undefined]) await assertRefused(message);
});

test('what belongs to another node, another network or another volume is refused', async () => {
  const at = (...path: Path) => ['instances', 0, ...path];
  await assertRefused(replaced(['nodeId'], 'node-b'));
  await assertRefused(replaced(['subnets', 0, 'cidr'], '0.0.0.0/0'));
  await assertRefused(replaced(['subnets', 0, 'cidr'], '10.0.0.0/20'));
  await assertRefused(replaced(['subnets', 0, 'gatewayIp'], '8.8.8.8'));
  await assertRefused(replaced(at('interfaces', 0, 'privateIp'), '127.0.0.1'));
  await assertRefused(replaced(at('interfaces', 0, 'macAddress'), 'ff:ff:ff:ff:ff:ff'));
  await assertRefused(replaced(['vpcs', 0, 'cidrs', 0], '169.254.169.0/24'));
  await assertRefused(replaced(['subnets', 0, 'vpcCidr'], '8.8.8.0/24'));
  await assertRefused(replaced(['vpcs', 0, 'networkNumber'], 2 ** 24));
  await assertRefused(replaced(['vpcs', 0, 'ports', 0, 'privateIps', 0], '127.0.0.1'));
  await assertRefused(replaced(['vpcs', 0, 'subnets', 0, 'routes', 0, 'target'], { kind: 'x' }));
  // Link-local, multicast, the node's own, and texts that the kernel would show otherwise.
  for (const address of ['fe80::1', 'ff02::1', '::1', 'FD00::4', 'fd00:0::4', 'fd00::4; drop']) {
    await assertRefused(replaced(['vpcs', 0, 'ports', 0, 'ipv6Addresses', 0], address));
  }
  await assertRefused(replaced(['vpcs', 0, 'ipv6Cidrs', 0], 'fe80::/64'));
  await assertRefused(replaced(['vpcs', 0, 'subnets', 0, 'ipv6', 'cidr'], 'fd00::1/64'));
  const source = at('volumes', 0, 'source');
  const other = 'vol-0123456789abcdef1';
  await assertRefused(replaced([...source, 'socketPath'], '/run/docker.sock'));
  for (const opening of [undefined, 3]) {
    await assertRefused(replaced([...source, 'socketPath'], exportSocket(other, opening)));
  }
  for (const odd of ['03', '3/../3', '-3', '3e0']) {
    const socketPath = `/cloud/storage/run/exports/${VOLUME}.${odd}.nbd`;
    await assertRefused(replaced([...source, 'socketPath'], socketPath));
  }
  await assertRefused(replaced([...source, 'exportName'], other));
  await assertRefused(replaced(source, { kind: 'nbd-tcp', host: 'h', port: 1, exportName: 'x' }));
});

test('a host that has joined takes volumes by gates alone, each to a socket of its own', async () => {
  const { verbs, taken } = openNode({ gateSocket: (id, opening) => `/far/${id}.${opening}` });
  const source = ['instances', 0, 'volumes', 0, 'source'];
  const gate = { kind: 'nbd-gate', exportName: VOLUME, opening: 3 };
  const refused = [
    intent(),
    replaced(source, { ...gate, exportName: 'vol-0123456789abcdef1' }),
    replaced(source, { ...gate, opening: 0 }),
    replaced(source, { ...gate, opening: '../3' }),
    replaced(source, { ...gate, host: '198.51.100.1' }),
  ];
  for (const message of refused) {
    assert.ok(await isRefused(async () => verbs['putIntent']!(message)), JSON.stringify(message));
  }
  await assertRefused(replaced(source, gate));
  await verbs['putIntent']!(replaced(source, gate));
  assert.deepEqual(taken[0]!.instances[0]!.volumes[0]!.source, {
    kind: 'nbd-unix',
    socketPath: `/far/${VOLUME}.3`,
    exportName: VOLUME,
  });
});

test('a node that serves no volumes takes none, whatever they are said to be served by', async () => {
  const { node } = openNode();
  const bounds = { vpcCidr: '172.31.0.0/16', exportSocket: () => undefined };
  const putIntent = nodeVerbs({ node, nodeId: NODE_ID, bounds })['putIntent']!;
  const source = ['instances', 0, 'volumes', 0, 'source', 'socketPath'];
  for (const path of [exportSocket(VOLUME, 3), 'nowhere', 'undefined', '']) {
    assert.ok(await isRefused(async () => putIntent(replaced(source, path))), path);
  }
});

test('a root disk that is a volume passes, and is named by a volume’s id', async () => {
  const whole = intent();
  const [instance] = whole.instances;
  const { root: _root, ...image } = instance!.image;
  const rootDisk = { ...instance!.rootDisk, volumeId: VOLUME };
  const message = { ...whole, instances: [{ ...instance!, image, rootDisk }] };
  const { verbs, taken } = openNode();
  await verbs['putIntent']!(onWire(message));
  assert.deepEqual(taken, [message]);
  for (const volumeId of ['root', '../root', 'i-0123456789abcdef0', 7, null]) {
    const wrong = { ...message.instances[0]!, rootDisk: { ...rootDisk, volumeId } };
    await assertRefused(onWire({ ...whole, instances: [wrong] }));
  }
});

test('lists have limits', async () => {
  const { instances, subnets } = intent();
  await assertRefused(replaced(['instances'], Array(4_097).fill(instances[0])));
  await assertRefused(replaced(['subnets'], Array(1_025).fill(subnets[0])));
  await assertRefused(replaced(['instances', 0, 'volumes'], Array(129).fill(volume)));
});

test('the other verbs take what they need and nothing else', async () => {
  const { verbs, asked } = openNode();
  const id = 'i-0123456789abcdef0';
  const answer = await verbs['getConsoleOutput']!({ id });
  assert.deepEqual(answer, { base64: 'aGVsbG8=', updatedAt: '2026-11-22T10:00:00.000Z' });
  for (const input of [{}, { id: '../x' }, { id, path: '/' }, null]) {
    assert.ok(await isRefused(async () => verbs['getConsoleOutput']!(input)));
  }
  assert.ok(await isRefused(async () => verbs['getReport']!({ id })));
  assert.ok(await isRefused(async () => verbs['readVolumes']!({ id })));
  assert.ok(await isRefused(async () => verbs['readNetwork']!({ id })));
  assert.deepEqual(await verbs['readFlows']!({ after: 7 }), { cursor: 7, windows: [] });
  assert.ok(await isRefused(async () => verbs['readFlows']!({ after: -1 })));
  assert.deepEqual(asked, [id]);
  assert.deepEqual(Object.keys(verbs), [
    'putIntent',
    'getReport',
    'getConsoleOutput',
    'readVolumes',
    'readNetwork',
    'readFlows',
  ]);
});
