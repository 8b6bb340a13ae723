// Owns the tests of what an instance with several interfaces may read of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceIntent } from '../testing/instance-intent.ts';
import { buildMetadataTree, findMetadata } from './metadata-tree.ts';

test('each interface has its own addresses, subnet and groups in the metadata', () => {
  const [nic] = instanceIntent().interfaces;
  const second = {
    ...nic!,
    id: 'eni-00000000000000002' as const,
    deviceIndex: 1,
    macAddress: '02:aa:00:00:00:06',
    hostname: 'ip-172-31-16-9.ec2.internal',
    privateIps: ['172.31.16.9', '172.31.16.10'],
    subnetCidr: '172.31.16.0/20',
    securityGroupIds: ['sg-00000000000000002'],
  };
  const instance = instanceIntent({ interfaces: [second, nic!] });
  const tree = buildMetadataTree(instance);
  const read = (path: string) => {
    const node = findMetadata(tree, ['meta-data', ...path.split('/')]);
    return node?.kind === 'leaf' ? Buffer.from(node.bytes).toString() : undefined;
  };
  const ofInterface = (mac: string, name: string) => read(`network/interfaces/macs/${mac}/${name}`);
  const ofSecond = (name: string) => ofInterface(second.macAddress, name);
  assert.equal(ofSecond('device-number'), '1');
  assert.equal(ofSecond('local-ipv4s'), '172.31.16.9\n172.31.16.10');
  assert.equal(ofSecond('local-hostname'), second.hostname);
  assert.equal(ofSecond('subnet-ipv4-cidr-block'), second.subnetCidr);
  assert.equal(ofSecond('security-group-ids'), 'sg-00000000000000002');
  assert.equal(ofInterface(nic!.macAddress, 'local-ipv4s'), nic!.privateIp);
  assert.equal(
    ofInterface(nic!.macAddress, 'security-group-ids'),
    instance.metadata.securityGroupIds.join('\n'),
  );
  assert.equal(read('mac'), nic!.macAddress, 'the first one is that of the instance');
  assert.equal(read('local-ipv4'), nic!.privateIp);
});
