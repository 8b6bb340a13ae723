import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DIRECT, PARAVIRTUAL, READ_STREAM } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import { guestUuid } from '../../app/guest-uuid.ts';
import type { GuestNic, GuestSpec } from '../hypervisor-driver.ts';
import { exportNode, guestSerial, renderArguments, renderOption } from './argv.ts';
import { effectiveDiskProfile, engineFor } from './disk-profile.ts';

const ID = 'i-0123456789abcdef0';
const profile = { ...DIRECT, queues: 2 };
const spec: GuestSpec = {
  id: ID,
  uuid: guestUuid(ID),
  vcpus: 2,
  memoryMib: 1_024,
  boot: { kind: 'firmware' },
  rootDisk: { serial: 'root', source: { kind: 'file', path: '../root.raw' }, profile },
  nics: [],
  directory: '/x',
};
const nic: GuestNic = {
  id: 'eni-0123456789abcdef0',
  macAddress: '02:aa:00:00:00:05',
  port: { kind: 'tap', interfaceName: 'tap0', queues: 2, vhost: true, mtu: 9_000 },
  profile: PARAVIRTUAL,
};

/** The values of one option, in their order. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((argument, index) => (args[index - 1] === option ? [argument] : []));
}

function render(changes: Partial<GuestSpec> = {}, tap?: { fds: number[]; vhostFds: number[] }) {
  const taps = new Map(tap === undefined ? [] : [[nic.id as string, tap]]);
  return renderArguments({ ...spec, ...changes }, { accelerator: 'tcg', taps });
}

describe("QEMU's command line", () => {
  test('has nothing that was not asked for, and the strict filter', () => {
    const args = render();
    for (const flag of ['-nodefaults', '-no-user-config', '-no-shutdown'])
      assert.ok(args.includes(flag));
    assert.deepEqual(valuesOf(args, '-sandbox'), [
      'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    ]);
    const drivers = valuesOf(args, '-device').map((device) => device.split(',')[0]);
    assert.deepEqual(drivers, ['isa-serial', 'virtio-blk-pci', 'virtio-rng-pci']);
  });

  test('opens the root disk with the default profile', () => {
    const args = render();
    assert.deepEqual(valuesOf(args, '-blockdev'), [
      'driver=file,filename=../root.raw,node-name=root-file,aio=io_uring,cache.direct=on,discard=unmap',
      'driver=raw,file=root-file,node-name=root,discard=unmap',
    ]);
    const disk = valuesOf(args, '-device').find((device) => device.startsWith('virtio-blk'));
    assert.equal(
      disk,
      'virtio-blk-pci,id=disk-root,drive=root,serial=root,iothread=io-root,num-queues=2,queue-size=256,request-merging=off,werror=enospc,rerror=report,opt_io_size=2097152,write-cache=on,bootindex=0',
    );
  });

  test('opens the root disk through the page cache for read-stream, flushes passed on', () => {
    const engine = { aio: 'io_uring', direct: true } as const;
    const stream = effectiveDiskProfile(READ_STREAM, engine, 2);
    const args = render({ rootDisk: { ...spec.rootDisk, profile: stream } });
    const [file] = valuesOf(args, '-blockdev');
    assert.match(file ?? '', /aio=io_uring,cache\.direct=off/);
    assert.ok(!args.some((argument) => argument.includes('no-flush')));
    const disk = valuesOf(args, '-device').find((device) => device.startsWith('virtio-blk'));
    assert.match(disk ?? '', /,opt_io_size=2097152,write-cache=on/);
  });

  test('boots a kernel without another first disk, with where its metadata are', () => {
    const kernel = {
      kind: 'kernel',
      kernelPath: '../kernel',
      parameters: 'root=/dev/vda',
    } as const;
    const port = { kind: 'user', sshPort: 2_022, metadataUrl: 'http://10.0.2.2:1/s/' } as const;
    const args = render({ boot: { ...kernel, initrdPath: '../initrd' }, nics: [{ ...nic, port }] });
    assert.deepEqual(valuesOf(args, '-kernel'), ['../kernel']);
    assert.deepEqual(valuesOf(args, '-initrd'), ['../initrd']);
    assert.deepEqual(valuesOf(args, '-append'), [
      'root=/dev/vda ironbark.metadata=http://10.0.2.2:1/s/',
    ]);
    assert.ok(!args.some((argument) => argument.includes('bootindex')));
    assert.deepEqual(valuesOf(args, '-netdev'), [
      'user,id=net-eni-0123456789abcdef0,hostfwd=tcp:127.0.0.1:2022-:22',
    ]);
  });

  test('gives a tap with vhost all its queues', () => {
    const args = render({ nics: [nic] }, { fds: [3, 4], vhostFds: [5, 6] });
    assert.deepEqual(valuesOf(args, '-netdev'), [
      'tap,id=net-eni-0123456789abcdef0,fds=3:4,vhost=on,vhostfds=5:6',
    ]);
    const device = valuesOf(args, '-device').find((value) => value.startsWith('virtio-net'));
    assert.match(device ?? '', /host_mtu=9000,mq=on,vectors=6$/);
  });

  test('refuses several queues without vhost, on which QEMU 7.2 ends', () => {
    assert.throws(() => render({ nics: [nic] }, { fds: [3, 4], vhostFds: [] }), /need vhost/);
    const args = render({ nics: [nic] }, { fds: [3], vhostFds: [] });
    assert.deepEqual(valuesOf(args, '-netdev'), ['tap,id=net-eni-0123456789abcdef0,fds=3']);
  });

  test('a root disk that is a volume is its target’s bytes as they are, and first of all', () => {
    const serial = 'vol-0123456789abcdef0';
    const source = { kind: 'nbd-unix', socketPath: '/t.sock', exportName: serial } as const;
    const rootDisk = { serial, source, profile };
    const boot = { kind: 'kernel', kernelPath: '../kernel', parameters: 'quiet' } as const;
    const args = renderArguments(
      { ...spec, rootDisk, boot },
      { accelerator: 'kvm', taps: new Map(), rootSocket: 'v.sock' },
    );
    const [node, ...others] = valuesOf(args, '-blockdev').map((value) => JSON.parse(value));
    assert.deepEqual(others, []);
    assert.equal(node.driver, 'nbd');
    assert.equal(node.export, serial);
    assert.deepEqual(node.server, { type: 'unix', path: 'v.sock' });
    assert.equal(node['reconnect-delay'], 86_400);
    const device = valuesOf(args, '-device').find((value) => value.startsWith('virtio-blk'));
    assert.match(device ?? '', /id=disk-vol-0123456789abcdef0,.*serial=vol0123456789abcdef0/);
    assert.deepEqual(valuesOf(args, '-append'), ['quiet ironbark.root=vol0123456789abcdef0']);
  });

  test('shows a guest that cloud-init takes for EC2', () => {
    const system = valuesOf(render(), '-smbios').find((table) => table.startsWith('type=1,'));
    const uuid = /uuid=([^,]+)/.exec(system ?? '')?.[1];
    assert.match(uuid ?? '', /^ec2[0-9a-f]{5}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(/serial=([^,]+)/.exec(system ?? '')?.[1], uuid);
  });

  test('doubles commas, so that no value becomes an option', () => {
    assert.equal(renderOption('x', { a: '1,b=2', c: true, d: undefined }), 'x,a=1,,b=2,c=on');
  });

  test("a volume's serial fits into virtio-blk's twenty bytes", () => {
    assert.equal(guestSerial('vol-0123456789abcdef0'), 'vol0123456789abcdef0');
    assert.equal(guestSerial('vol-0123456789abcdef0').length, 20);
  });

  test('an export waits a day for a target that comes back, and not long for one that hangs', () => {
    const source = { kind: 'nbd-tcp', host: '10.0.0.1', port: 10_809, exportName: 'v' } as const;
    const node = exportNode('vol-1', source, { profile, socketPath: '' });
    assert.deepEqual(node.server, { type: 'inet', host: '10.0.0.1', port: '10809' });
    assert.equal(node['reconnect-delay'], 86_400);
    assert.equal(node['open-timeout'], 2);
  });
});

describe('the profile that a disk really has', () => {
  const cases = [
    [{ aio: 'io_uring', direct: true }, 'direct', 'io_uring'],
    [{ aio: 'native', direct: true }, 'direct', 'native'],
    [{ aio: 'io_uring', direct: false }, 'writeback', 'io_uring'],
    [{ aio: 'native', direct: false }, 'writeback', 'threads'],
    [{ aio: 'threads', direct: false }, 'writeback', 'threads'],
  ] as const;
  for (const [engine, cache, aio] of cases) {
    test(`${engine.aio}, ${engine.direct ? 'direct' : 'cached'}: ${cache} with ${aio}`, () => {
      const effective = effectiveDiskProfile(DIRECT, engine, 4);
      assert.deepEqual(
        { cache: effective.cache, aio: effective.aio, queues: effective.queues },
        { cache, aio, queues: 4 },
      );
    });
  }

  test('the optimal I/O size is that of the host’s measurement where there is one', () => {
    const engine = { aio: 'io_uring', direct: true } as const;
    const of = (optimalIoBytes: number) =>
      effectiveDiskProfile(DIRECT, { ...engine, optimalIoBytes }, 1);
    assert.deepEqual([of(0).optimalIoBytes, of(8 * MIB).optimalIoBytes], [0, 8 * MIB]);
    assert.equal(effectiveDiskProfile(DIRECT, engine, 1).optimalIoBytes, 2 * MIB);
    assert.equal(of(8 * MIB).name, DIRECT.name);
    const measured = { ...engine, optimalIoBytes: 0 };
    assert.deepEqual(engineFor('file', measured), measured);
    assert.deepEqual(engineFor('export', measured), engine);
    assert.deepEqual(engineFor('file', engine), engine);
  });

  test('a bus that the node does not offer is refused, not replaced', () => {
    const engine = { aio: 'io_uring', direct: true } as const;
    assert.throws(
      () => effectiveDiskProfile({ ...DIRECT, bus: 'ide' }, engine, 1),
      /offers virtio-blk/,
    );
  });
});
