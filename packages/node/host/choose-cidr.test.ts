import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import {
  candidatesFrom,
  chooseVpcCidr,
  describeClash,
  findClash,
  VPC_CANDIDATES,
} from './choose-cidr.ts';
import { parseHostNetworks, readHostNetworks } from './host-networks.ts';

const on = (device: string, text: string) => ({ device, cidr: parseCidr(text)! });

test('an empty host gets the network of the default VPC of AWS', () => {
  assert.equal(chooseVpcCidr([]), '172.31.0.0/16');
});

test('each network of the host pushes the choice on', () => {
  const cases: [string[], string | undefined][] = [
    [['192.168.0.0/24'], '172.31.0.0/16'],
    [['172.31.5.0/24'], '172.30.0.0/16'],
    [['172.17.0.1/32', '172.30.0.0/15'], '172.29.0.0/16'],
    [['172.16.0.0/12'], '10.192.0.0/16'],
    [['172.16.0.0/12', '10.128.0.0/9'], '10.1.0.0/16'],
    [['172.16.0.0/12', '10.0.0.0/8'], undefined],
  ];
  for (const [networks, wanted] of cases) {
    assert.equal(chooseVpcCidr(networks.map((text) => on('eth0', text))), wanted, networks.join());
  }
});

test('no candidate overlaps another', () => {
  for (const [index, candidate] of VPC_CANDIDATES.entries()) {
    const others = VPC_CANDIDATES.slice(index + 1).map((text) => on('x', text));
    assert.equal(findClash(candidate, others), undefined);
  }
});

test('the candidates can be begun anywhere, and stay all of them', () => {
  assert.deepEqual(candidatesFrom(0), VPC_CANDIDATES);
  const late = candidatesFrom(0.999_999);
  assert.equal(late[0], VPC_CANDIDATES.at(-1));
  assert.deepEqual(new Set(late), new Set(VPC_CANDIDATES));
});

test('a clash names the network and the interface, and our own interfaces are none', () => {
  const networks = [on('ours', '172.31.0.0/20'), on('vpn0', '172.31.64.0/18')];
  const clash = findClash('172.31.0.0/16', networks, (device) => device === 'ours');
  assert.match(describeClash('172.31.0.0/16', clash!), /172\.31\.64\.0\/18.*vpn0/);
  assert.equal(
    findClash('172.31.0.0/20', networks, (device) => device === 'ours'),
    undefined,
  );
});

test('default routes, broadcasts and the loopback are not networks of the host', () => {
  const routes = JSON.stringify([
    { dst: 'default', dev: 'eth0' },
    { dst: '10.8.0.0/16', dev: 'tun0' },
    { dst: '192.0.2.255', dev: 'eth0', type: 'broadcast' },
    { dst: '127.0.0.0/8', dev: 'lo', type: 'local' },
    { dst: '172.20.0.0/16', type: 'blackhole' },
  ]);
  const addresses = JSON.stringify([
    { ifname: 'eth0', addr_info: [{ family: 'inet', local: '192.0.2.2', prefixlen: 24 }] },
    { ifname: 'down0', addr_info: [] },
  ]);
  const found = parseHostNetworks(routes, addresses);
  assert.deepEqual(
    found.map(({ cidr, device }) => `${renderCidr(cidr)} ${device}`),
    ['10.8.0.0/16 tun0', '172.20.0.0/16 a route', '192.0.2.0/24 eth0'],
  );
});

test('this host can be read, and a free network is found on it', async () => {
  const networks = await readHostNetworks(systemCommands);
  const chosen = chooseVpcCidr(networks);
  assert.ok(chosen !== undefined);
  assert.equal(findClash(chosen, networks), undefined);
});
