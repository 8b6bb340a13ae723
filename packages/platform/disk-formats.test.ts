import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemCommands } from './commands.ts';
import { requireFormats } from './disk-formats.ts';

const GUESSING = [
  'qemu-img info disk',
  'qemu-img convert -f raw disk out',
  'qemu-img convert -O raw disk out',
  'qemu-img resize disk 2G',
  'qemu-img create -f qcow2 -b base out',
  'setpriv --reuid 7 prlimit --as=9 /usr/bin/qemu-img check disk',
  'qemu-nbd disk',
  'qemu-io -c read disk',
  'qemu-system-x86_64 -hda disk',
  'qemu-system-x86_64 -drive file=disk,if=virtio',
  'unshare --mount -- sh -c text sh qemu-system-x86_64 -blockdev filename=disk,node-name=a',
  'qemu-storage-daemon --blockdev node-name=a,filename=disk',
];
const TOLD = [
  'qemu-img info -f raw disk',
  'qemu-img convert -f qcow2 -O raw disk out',
  'qemu-img create -f qcow2 -b base -F raw out',
  'qemu-system-x86_64 --version',
  'qemu-system-x86_64 -blockdev driver=file,filename=disk -blockdev driver=raw,file=a',
  'qemu-storage-daemon --blockdev driver=raw,file=a --chardev socket,id=c',
  'cat qemu-img.log',
];

test('A28: no program of QEMU is started that would guess a format', async () => {
  for (const line of GUESSING) {
    assert.throws(() => requireFormats(line.split(' ')), /would guess/, line);
  }
  for (const line of TOLD) requireFormats(line.split(' '));
  await assert.rejects(systemCommands.run('qemu-img', ['info', 'disk']), /would guess/);
  const stdio = ['ignore', 'ignore', 'ignore'] as const;
  const started = systemCommands.startDetached('qemu-nbd', ['disk'], { stdio });
  await assert.rejects(started, /would guess/);
});
