import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCidr } from '@ironbark/core/ipv4.ts';
import { GIB } from '@ironbark/core/units.ts';
import { CommandError, type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { gatherHostFacts, parseFilters, parseMemory } from './gather-host-facts.ts';
import { evaluateHost, type HostCheck, type HostFacts } from './host-facts.ts';

const works = { works: true, detail: 'fine' };
const fails = { works: false, detail: 'Operation not supported' };

const GOOD: HostFacts = {
  isRoot: true,
  tun: works,
  bridge: works,
  nftables: works,
  netdevIngress: works,
  ioUring: works,
  directIo: works,
  hasVhostNet: true,
  hasKvmDevice: true,
  programs: [
    { name: 'qemu-img', package: 'qemu-utils', rootOnly: false, version: 'qemu-img 7.2' },
    { name: 'nft', package: 'nftables', rootOnly: true, version: 'nftables v1.0.6' },
  ],
  memory: { totalBytes: 8 * GIB, availableBytes: 6 * GIB },
  disk: { path: '/var/lib/ironbark', freeBytes: 100 * GIB },
  filters: [],
  bridgesPassFilters: false,
  networks: [],
};

const missing = (index: number) =>
  GOOD.programs.map(({ version, ...rest }, at) =>
    at === index ? rest : { ...rest, version: version! },
  );
const chain = (hook: string, policy: string, table = 'filter') => ({
  family: 'ip',
  name: hook.toUpperCase(),
  table,
  hook,
  policy,
});
const network = (text: string, device: string) => ({ cidr: parseCidr(text)!, device });

function notOk(changes: Partial<HostFacts>): string[] {
  return evaluateHost({ ...GOOD, ...changes })
    .filter(({ status }) => status !== 'ok')
    .map(({ name, status }) => `${name} ${status}`);
}

test('a host that has everything is all ok, with nothing to do', () => {
  const checks = evaluateHost(GOOD);
  assert.deepEqual([...new Set(checks.map(({ status }) => status))], ['ok']);
  assert.deepEqual([...new Set(checks.map(({ fix }) => fix))], ['']);
  assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
});

test('each lack is found and weighed', () => {
  const cases: [Partial<HostFacts>, string[]][] = [
    [{ tun: fails }, ['tun fail']],
    [{ bridge: fails }, ['bridge fail']],
    [{ nftables: fails, netdevIngress: fails }, ['nftables fail', 'netdev-ingress fail']],
    [{ ioUring: fails }, ['io_uring warn']],
    [{ directIo: fails }, ['direct-io fail']],
    [{ hasVhostNet: false }, ['vhost-net warn']],
    [{ hasKvmDevice: false }, ['kvm-device warn']],
    [{ programs: missing(0) }, ['qemu-img fail']],
    [{ programs: missing(1) }, ['nft fail']],
    [{ memory: { totalBytes: 2 * GIB, availableBytes: 1.5 * GIB } }, ['memory warn']],
    [{ memory: { totalBytes: 1 * GIB, availableBytes: 0.5 * GIB } }, ['memory fail']],
    [{ disk: { path: '/', freeBytes: 5 * GIB } }, ['disk warn']],
    [{ disk: { path: '/', freeBytes: GIB } }, ['disk fail']],
    [{ filters: [chain('forward', 'drop')] }, ['firewall-forward warn']],
    [{ filters: [chain('input', 'drop')] }, ['firewall-input warn']],
    [{ filters: [chain('forward', 'accept'), chain('output', 'drop')] }, []],
    [{ filters: [chain('forward', 'drop', 'ironbark_ab12')] }, []],
    [{ bridgesPassFilters: true }, ['bridge-nf warn']],
    [
      { networks: [network('172.16.0.0/12', 'a'), network('10.0.0.0/8', 'b')] },
      ['vpc-network fail'],
    ],
    [{ networks: [network('172.31.0.0/16', 'vpn0')] }, []],
    [
      { vpcCidr: '172.31.0.0/16', networks: [network('172.31.0.0/20', 'vpn0')] },
      ['vpc-network fail'],
    ],
    [{ vpcCidr: '172.31.0.0/16', networks: [network('172.31.0.0/20', 'ibabcdsabcdefgh')] }, []],
    [{ vpcCidr: '172.31.0.0/16', networks: [network('172.31.0.6/32', 'ibabcdxabcdefgh')] }, []],
  ];
  for (const [changes, wanted] of cases) {
    assert.deepEqual(notOk(changes), wanted, JSON.stringify(changes));
  }
});

test('whatever is not ok says what to do', () => {
  const worst: HostFacts = {
    ...GOOD,
    ...{ tun: fails, bridge: fails, nftables: fails, netdevIngress: fails, ioUring: fails },
    ...{ directIo: fails, hasVhostNet: false, hasKvmDevice: false, programs: missing(0) },
    memory: { totalBytes: 0, availableBytes: 0 },
    disk: { path: '/', freeBytes: 0 },
    filters: [chain('forward', 'drop'), chain('input', 'drop')],
    bridgesPassFilters: true,
    networks: [network('0.0.0.0/1', 'a'), network('128.0.0.0/1', 'b')],
  };
  const bad = evaluateHost(worst).filter(({ status }) => status !== 'ok');
  assert.ok(bad.length >= 13);
  for (const { name, detail, fix } of bad) {
    assert.ok(detail.length > 0 && fix.length > 0, name);
  }
});

test('a user who is not root is not asked for what only root needs', () => {
  const user = { isRoot: false, tun: fails, bridge: fails, nftables: fails, netdevIngress: fails };
  const programs = missing(1);
  assert.deepEqual(notOk({ ...user, hasVhostNet: false, programs }), ['root warn', 'nft warn']);
  assert.deepEqual(notOk({ ...user, programs: missing(0) }), ['root warn', 'qemu-img fail']);
});

test('the fix for a closed firewall names its chain', () => {
  const checks = evaluateHost({ ...GOOD, filters: [chain('forward', 'drop')] });
  const found = checks.find(({ name }) => name === 'firewall-forward') as HostCheck;
  assert.match(found.fix, /nft insert rule ip filter FORWARD iifname "ib\*" accept/);
  assert.match(found.fix, /oifname/);
});

test('memory and filters are read as the kernel and nft print them', () => {
  const memory = parseMemory('MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n');
  assert.deepEqual(memory, { totalBytes: 2 << 20, availableBytes: 1 << 20 });
  const listed = [
    { metainfo: { version: '1' } },
    { chain: { ...chain('forward', 'drop'), type: 'filter' } },
    { chain: { family: 'ip', table: 'filter', name: 'DOCKER' } },
    { chain: { ...chain('prerouting', 'accept'), type: 'nat' } },
  ];
  assert.deepEqual(parseFilters(JSON.stringify({ nftables: listed })), [chain('forward', 'drop')]);
});

test('this host can be examined, and the look leaves nothing behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-facts-'));
  try {
    const dataDir = join(folder, 'not', 'yet', 'there');
    const facts = await gatherHostFacts({ commands: systemCommands, dataDir });
    assert.ok(facts.memory.totalBytes > facts.memory.availableBytes);
    assert.ok(facts.disk.freeBytes > 0);
    assert.equal(facts.disk.path, folder);
    assert.match(facts.programs.find(({ name }) => name === 'ip')?.version ?? '', /iproute2/);
    assert.deepEqual(await readdir(folder), []);
    const { stdout } = await systemCommands.run('ip', ['-o', 'link']);
    assert.ok(!stdout.includes('ibprobe'));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a host without any of the programs is examined all the same', async () => {
  const run: Commands['run'] = async (file, args) => {
    throw new CommandError([file, ...args], { stderr: '', why: `spawn ${file} ENOENT` });
  };
  const commands = { ...systemCommands, run };
  const facts = await gatherHostFacts({ commands, dataDir: tmpdir() });
  assert.ok(facts.programs.every(({ version }) => version === undefined));
  assert.equal(facts.bridge.works, false);
  assert.match(facts.bridge.detail, /ENOENT/);
});
