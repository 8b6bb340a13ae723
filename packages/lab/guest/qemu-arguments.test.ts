import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { PAPER_KVM_2010 } from '../matrix/matrix.ts';
import { blockNode, type LabGuestDisk, labArguments } from './qemu-arguments.ts';

const device = { kind: 'device', path: '/dev/loop7' } as const;
const machine = {
  ...({ accelerator: 'tcg', vcpus: 2, memoryMib: 256 } as const),
  ...{ kernelPath: 'k', initrdPath: 'i' },
};
const devicesOf = (disks: LabGuestDisk[]) => {
  const args = labArguments({ ...machine, disks });
  return args.filter((_, index) => args[index - 1] === '-device');
};

test('the default disk has a thread, a queue for each processor and a long read-ahead', () => {
  const [disk] = devicesOf([{ serial: 'lab00', source: device, profile: DIRECT }]).slice(-1);
  assert.equal(
    disk,
    'virtio-blk-pci,drive=disk-lab00,serial=lab00,write-cache=on,opt_io_size=2097152,num-queues=2,queue-size=256,request-merging=off,iothread=io-lab00',
  );
  assert.deepEqual(blockNode({ serial: 'lab00', source: device, profile: DIRECT }), {
    ...{ driver: 'raw', 'node-name': 'disk-lab00', discard: 'unmap', cache: { direct: true } },
    file: {
      ...{ driver: 'host_device', filename: '/dev/loop7', aio: 'io_uring', locking: 'off' },
      ...{ discard: 'unmap', cache: { direct: true } },
    },
  });
});

test('a disk’s thread can be told to sleep as soon as it has nothing to do', () => {
  const disk = { serial: 'lab00', source: device, profile: DIRECT };
  const objects = (more: Partial<LabGuestDisk>) => {
    const args = labArguments({ ...machine, disks: [{ ...disk, ...more }] });
    return args.filter((_, index) => args[index - 1] === '-object');
  };
  assert.deepEqual(objects({}), ['iothread,id=io-lab00']);
  assert.deepEqual(objects({ polls: false }), ['iothread,id=io-lab00,poll-max-ns=0']);
});

test('the disks of 2010 share one adapter, and their writes are waited for', () => {
  const disk = (n: number) => ({ serial: `lab0${n}`, source: device, profile: PAPER_KVM_2010 });
  const devices = devicesOf([disk(0), disk(1)]).slice(-3);
  assert.deepEqual(devices, [
    'lsi53c895a,id=lsi',
    'scsi-hd,drive=disk-lab00,serial=lab00,write-cache=off,bus=lsi.0,scsi-id=0',
    'scsi-hd,drive=disk-lab01,serial=lab01,write-cache=off,bus=lsi.0,scsi-id=1',
  ]);
});

test('a disk that the guest’s own driver attaches is not shown by QEMU', () => {
  const profile = { ...DIRECT, bus: 'none' } as const;
  const plain = devicesOf([]);
  assert.deepEqual(devicesOf([{ serial: 'lab00', source: device, profile }]), plain);
});

test('a server that works in the guest’s memory is given all of it, and is sent flushes', () => {
  const source = { kind: 'vhost-user', socketPath: '/s' } as const;
  const args = labArguments({ ...machine, disks: [{ serial: 'v', source, profile: DIRECT }] });
  const after = (flag: string) => args.filter((_, index) => args[index - 1] === flag);
  assert.deepEqual(after('-object'), ['memory-backend-memfd,id=memory,size=256M,share=on']);
  assert.match(after('-machine').join(), /,memory-backend=memory$/);
  assert.deepEqual(after('-blockdev'), []);
  assert.ok(after('-chardev').includes('socket,id=server-v,path=/s'));
  assert.equal(
    after('-device').at(-1),
    'vhost-user-blk-pci,chardev=server-v,num-queues=2,queue-size=256,config-wce=off',
  );
  const plain = labArguments({
    ...machine,
    disks: [{ serial: 'v', source: device, profile: DIRECT }],
  });
  assert.ok(!plain.includes('-object') || !plain.join(' ').includes('memory-backend'));
});
