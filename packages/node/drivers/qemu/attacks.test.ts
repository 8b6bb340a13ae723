// Owns the rows of the attack list that a running QEMU has to meet.

import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import { serveVolume } from '../../testing/block-target.ts';
import { createDriverLab, whyNoQemu } from '../../testing/driver-lab.ts';
import type { GuestSpec, HypervisorDriver } from '../hypervisor-driver.ts';
import { QMP_SOCKET } from './argv.ts';

const skip = await whyNoQemu();

/** Starts the guest, lets go of it as a daemon that ends does, and asks it by its own socket. */
async function ask<T>(
  driver: HypervisorDriver,
  spec: GuestSpec,
  work: (qmp: QmpClient) => Promise<T>,
): Promise<T> {
  await driver.start(spec);
  await driver[Symbol.asyncDispose]();
  const socketPath = join(spec.directory, 'run', QMP_SOCKET);
  const qmp = await connectQmp({ socketPath, clock: systemClock, timeoutMs: 10_000 });
  try {
    return await work(qmp);
  } finally {
    qmp.close();
  }
}

/** QEMU's interface for block devices and machines (qapi, "BlockDeviceInfo", "ObjectPropertyInfo"). */
interface BlockNode {
  'node-name': string;
  drv: string;
  backing_file?: string;
  image: { 'virtual-size': number };
}

/** Magic, version 2, a backing file's name at 512 of 11 bytes, clusters of 64 KiB, a size of 1 TiB. */
function renderHeader(): Buffer {
  const header = Buffer.alloc(1024);
  header.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 2], 0);
  header.writeBigUInt64BE(512n, 8);
  header.writeUInt32BE(11, 16);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(2n ** 40n, 24);
  header.write('/etc/shadow', 512);
  return header;
}

test('A28: a qcow2 header that a guest wrote to its root disk is data at its next start', {
  skip,
}, async () => {
  await using lab = await createDriverLab();
  const spec = await lab.prepare(1);
  const disk = await open(join(spec.directory, 'root.raw'), 'r+');
  const { size } = await disk.stat();
  await writeFully(disk, renderHeader(), 0);
  await disk.close();
  const nodes = await ask(lab.newDriver(), spec, (qmp) => qmp.execute('query-named-block-nodes'));
  const root = (nodes as BlockNode[]).find((node) => node['node-name'] === 'root');
  assert.equal(root?.drv, 'raw');
  assert.equal(root.backing_file, undefined);
  assert.equal(root.image['virtual-size'], size);
});

test('A28: the same header on a root disk that is a volume is data too', { skip }, async () => {
  await using lab = await createDriverLab();
  const spec = await lab.prepare(1);
  using target = await serveVolume(lab.dataDir);
  const volume = await open(target.file, 'r+');
  const { size } = await volume.stat();
  await writeFully(volume, renderHeader(), 0);
  await volume.close();
  const serial = 'vol-0123456789abcdef0';
  const rootDisk = { ...spec.rootDisk, serial, source: target.source };
  const nodes = await ask(lab.newDriver(), { ...spec, rootDisk }, (qmp) =>
    qmp.execute('query-named-block-nodes'),
  );
  const [root, ...others] = nodes as BlockNode[];
  assert.deepEqual(others, []);
  assert.equal(root?.['node-name'], serial);
  assert.equal(root.drv, 'nbd');
  assert.equal(root.image['virtual-size'], size);
});

/**
 * What every `pc` of QEMU 7.2 has, and what a guest of ours needs. Its floppy controller is among the first and cannot
 * be left away; it has no drive.
 */
const ALLOWED_DEVICES = [
  /^(i440FX|i440FX-pcihost|PIIX3|piix3-ide|PIIX4_PM|PCI|ISA|IDE|i2c-bus|System)$/,
  /^(isa-i8259|isa-pit|isa-pcspk|i8257|mc146818rtc|i8042|port92|ioapic|hpet|kvm\w*|apic|kvmvapic)$/,
  /^(isa-serial|isa-fdc|fw_cfg_io|fw_cfg|pvpanic|vmcoreinfo|smbus-eeprom|vmport)$/,
  /^(max|host|qemu64)-x86_64-cpu$/,
  /^(virtio-blk-pci|virtio-net-pci|virtio-rng-pci|virtio-blk-device|virtio-rng-device)$/,
  /^(virtio-net-device|rng-builtin|iothread|irq|memory-region|container|nonvolatile)$/,
  /^qemu:(memory-region|iommu-memory-region)$/,
];

test('A36: a guest’s machine has virtio and what every PC has, and no device beyond', {
  skip,
}, async () => {
  await using lab = await createDriverLab();
  const spec = await lab.prepare(1);
  const types = await ask(lab.newDriver(), spec, (qmp) => listDevices(qmp));
  const beyond = types.filter((type) => !ALLOWED_DEVICES.some((one) => one.test(type)));
  assert.deepEqual([...new Set(beyond)], []);
  assert.ok(types.includes('virtio-blk-pci') && types.includes('virtio-rng-pci'));
  assert.ok(!types.some((type) => /floppy|usb|vga|sound|e1000|rtl8139|scsi/i.test(type)));
});

const PLACES = ['/machine/peripheral', '/machine/peripheral-anon', '/machine/unattached'];

async function listDevices(qmp: QmpClient): Promise<string[]> {
  const types: string[] = [];
  for (const path of PLACES) {
    const found = (await qmp.execute('qom-list', { path })) as { type: string }[];
    for (const { type } of found) {
      const child = /^child<(.*)>$/.exec(type)?.[1];
      if (child !== undefined) types.push(child);
    }
  }
  return types;
}
