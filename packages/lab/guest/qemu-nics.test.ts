import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { blockNode, type LabGuestNic, labArguments } from './qemu-arguments.ts';

const machine = {
  ...({ accelerator: 'tcg', vcpus: 2, memoryMib: 256 } as const),
  ...{ kernelPath: 'k', initrdPath: 'i', disks: [] },
};
const NIC: LabGuestNic = {
  ...{ macAddress: '52:54:00:00:00:01', tap: 'tap0', mtu: 9_000 },
  ...({ model: 'virtio-net', offloads: true, queues: 2, vhost: false } as const),
};
const argumentsOf = (nic: Partial<LabGuestNic>) =>
  labArguments({ ...machine, nics: [{ ...NIC, ...nic }] }).join(' ');

test('a card on a tap has one queue without vhost, and as many as are asked for with it', () => {
  assert.match(
    argumentsOf({}),
    /-netdev tap,id=net0,ifname=tap0,script=no,downscript=no,vhost=off -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=,host_mtu=9000$/,
  );
  assert.match(argumentsOf({ vhost: true }), /queues=2,vhost=on .*,mq=on,vectors=6$/);
  assert.match(argumentsOf({ offloads: false }), /,csum=off,gso=off,.*,mrg_rxbuf=off$/);
  assert.match(argumentsOf({ model: 'e1000' }), /-device e1000,netdev=net0,mac=\S+,romfile=$/);
  assert.doesNotMatch(argumentsOf({}), /-netdev user/);
});

test('a limit stands between the guest and its disk', () => {
  const limit = { iops: 100, bytesPerSecond: 8e6 };
  const source = { kind: 'device', path: '/dev/loop7' } as const;
  const disk = { serial: 'lab00', source, profile: DIRECT, limit };
  const args = labArguments({ ...machine, disks: [disk] });
  assert.ok(args.includes('throttle-group,id=limit-lab00,x-iops-total=100,x-bps-total=8000000'));
  const { driver, file } = blockNode(disk) as { driver: string; file: { driver: string } };
  assert.deepEqual([driver, file.driver], ['throttle', 'raw']);
});
