// Owns the tests of what follows from where ports are: who is reached how, and whose word is taken.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import type { PortIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { vpcIntent } from '../testing/vpc-intent.ts';
import { overlayMac, planOverlay, withoutForeignAddresses } from './overlay-plan.ts';
import { planUnderlayRules, renderUnderlayChange, repairUnderlayPart } from './underlay-rules.ts';

function port(place: number, nodeId: NodeId | undefined, changes: Partial<PortIntent> = {}) {
  return {
    interfaceId: `eni-${String(place).padStart(17, '0')}`,
    subnetId: 'subnet-00000000000000001',
    nodeId,
    macAddress: '02:00:00:00:00:01',
    privateIps: [`10.0.0.${place}`],
    publicIps: [],
    groupIds: [],
    checksSource: true,
    ...changes,
  } as PortIntent;
}

function vpc(...ports: PortIntent[]): VpcIntent {
  const locations = [1, 2, 3].map((at) => ({
    nodeId: `node-${at}` as const,
    underlayAddress: `192.0.2.${at}`,
  }));
  const shape = { number: 7, cidr: '10.0.0.0/16', subnets: [], ports };
  return { ...vpcIntent(shape), locations };
}

test('ports elsewhere are reached by their nodes, those here and those of nobody are not', () => {
  const more = { privateIps: ['10.0.0.6', '10.0.0.7'] };
  const overlay = planOverlay(
    vpc(port(4, 'node-1'), port(5, 'node-2'), port(6, 'node-3', more), port(8, undefined)),
    'node-1',
  )!;
  assert.deepEqual(
    [...overlay.remotes],
    [
      ['10.0.0.5', '192.0.2.2'],
      ['10.0.0.6', '192.0.2.3'],
      ['10.0.0.7', '192.0.2.3'],
    ],
  );
  assert.equal(overlayMac('192.0.2.255'), '06:00:c0:00:02:ff');
});

test('without ports elsewhere, or a place of its own, a node has no overlay', () => {
  assert.equal(planOverlay(vpc(port(4, 'node-1')), 'node-1'), undefined);
  assert.equal(planOverlay(vpc(port(4, 'node-1')), undefined), undefined);
  assert.equal(planOverlay(vpc(port(4, 'node-1'), port(5, 'node-2')), 'node-9'), undefined);
  assert.equal(planOverlay(vpc(port(4, 'node-1'), port(5, 'node-9')), 'node-1'), undefined);
});

test('where a host routes the VPC, nothing outside its subnets there leads to another node', () => {
  const strange = ['8.8.8.8', '127.0.0.1', '10.0.1.5', '10.0.0.6'].map((address) =>
    port(5, 'node-2', { privateIps: [address], checksSource: false }),
  );
  const overlay = planOverlay(vpc(port(4, 'node-1'), ...strange), 'node-1', {
    within: ['10.0.0.0/24'],
  })!;
  assert.deepEqual([...overlay.remotes], [['10.0.0.6', '192.0.2.2']]);
  assert.equal(planOverlay(vpc(port(5, 'node-2')), 'node-1', { within: [] }), undefined);
  assert.equal(
    planOverlay(vpc(port(5, 'node-2')), 'node-1', { within: ['10.0.1.0/24'] }),
    undefined,
  );
});

test('a public address is of its own node only', () => {
  const publicIps = [{ privateIp: '10.0.0.5', publicIp: '203.0.113.5' }];
  const all = [vpc(port(4, 'node-1', { publicIps }), port(5, 'node-2', { publicIps }))];
  const count = (own: NodeId | undefined) =>
    withoutForeignAddresses(all, own)[0]!.ports.map((each) => each.publicIps.length);
  assert.deepEqual(
    [count('node-1'), count(undefined)],
    [
      [1, 0],
      [1, 1],
    ],
  );
});

test('a port that comes or moves is a change of elements, a router one of rules', () => {
  const rules = (...ports: PortIntent[]) =>
    planUnderlayRules([planOverlay(vpc(port(4, 'node-1'), ...ports), 'node-1')!]);
  const before = rules(port(5, 'node-2'));
  const change = renderUnderlayChange('t', before, rules(port(5, 'node-3')));
  assert.equal(
    change?.text,
    [
      'delete element ip t nodes { 192.0.2.2 . 0x600c0000202 }',
      'add element ip t nodes { 192.0.2.3 . 0x600c0000203 }',
      'delete element ip t members { 192.0.2.2 . 0x7 . 0xa000005 }',
      'add element ip t members { 192.0.2.3 . 0x7 . 0xa000005 }',
      '',
    ].join('\n'),
  );
  const router = rules(port(5, 'node-2', { checksSource: false }));
  assert.equal(renderUnderlayChange('t', before, router), undefined);
  assert.ok(router.chain.includes('@th,96,24 0x7 @th,336,16 0xa00 drop'));
  assert.equal(renderUnderlayChange('t', before, before)?.text, '');
});

test('a change reads the networks that it is about, and no others', () => {
  const large = planOverlay({ ...vpc(port(5, 'node-2')), networkNumber: 8 }, 'node-1')!;
  const rules = (...ports: PortIntent[]) =>
    planUnderlayRules([planOverlay(vpc(...ports), 'node-1')!, large]);
  const before = rules(port(5, 'node-2'));
  for (const method of ['entries', 'values', 'keys', 'forEach', Symbol.iterator]) {
    Object.defineProperty(large.remotes, method, { value: () => assert.fail('read again') });
  }
  const { text } = renderUnderlayChange('t', before, rules(port(5, 'node-2'), port(6, 'node-2')))!;
  assert.equal(text, 'add element ip t members { 192.0.2.2 . 0x7 . 0xa000006 }\n');
});

test('a set of other elements than it should have is written anew', () => {
  const rules = planUnderlayRules([
    planOverlay(vpc(port(4, 'node-1'), port(5, 'node-2')), 'node-1')!,
  ]);
  const listed = '\telements = { 192.0.2.2 . 0x7 . 0xa000005 }\n';
  assert.equal(repairUnderlayPart(rules, 'set members', listed), '');
  assert.equal(repairUnderlayPart(rules, 'set members', ''), undefined);
  assert.equal(repairUnderlayPart(rules, 'set members', undefined), undefined);
});

test('two peers of one block have their packets taken from the node of each', () => {
  const own = vpc(port(4, 'node-1'));
  const peer = (nodeId: NodeId, place = 9) => ({
    ...vpc(port(place, nodeId, { privateIps: ['10.9.0.5'] })),
    cidrs: ['10.9.0.0/16'],
  });
  const rules = (...peers: VpcIntent[]) =>
    planUnderlayRules([planOverlay(own, 'node-1', { peers })!]);
  const [both, one] = [rules(peer('node-2'), peer('node-3')), rules(peer('node-2'))];
  const third = '192.0.2.3 . 0x7 . 0xa090005';
  const second = '192.0.2.2 . 0x7 . 0xa090005';
  const listed = `\telements = { ${second},\n ${third} }\n`;
  assert.equal(repairUnderlayPart(both, 'set members', listed), '');
  assert.ok(
    renderUnderlayChange('t', one, both)!.text.endsWith(`add element ip t members { ${third} }\n`),
  );
  const { text } = renderUnderlayChange('t', both, one)!;
  assert.ok(text.includes(`delete element ip t members { ${third} }\n`) && !text.includes(second));
});
