import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  inLoadOrder,
  type KernelModule,
  parseModuleFacts,
  renderModulesAlias,
  renderModulesDep,
} from './kernel-modules.ts';

const MODULES = new Map<string, KernelModule>(
  [
    { name: 'virtio', path: 'virtio.ko', depends: ['virtio_ring'], aliases: [] },
    { name: 'virtio_ring', path: 'virtio_ring.ko', depends: [], aliases: [] },
    { name: 'virtio_blk', path: 'virtio_blk.ko', depends: ['virtio'], aliases: ['virtio:d2v*'] },
  ].map((module) => [module.name, module]),
);

test('facts are read from the strings of .modinfo', () => {
  const module = Buffer.from('\x7fELF..\0alias=a:*\0depends=virtio,net-core\0alias=b\0name=x\0');
  assert.deepEqual(parseModuleFacts(module), {
    depends: ['virtio', 'net_core'],
    aliases: ['a:*', 'b'],
  });
});

test('every module comes after what it needs, unknown names are left out', () => {
  const names = inLoadOrder(MODULES, ['virtio_blk', 'built_in', 'virtio']).map(({ name }) => name);
  assert.deepEqual(names, ['virtio_ring', 'virtio', 'virtio_blk']);
});

test('the tables have the form that modprobe reads', () => {
  const chosen = inLoadOrder(MODULES, ['virtio_blk']);
  assert.equal(
    renderModulesDep(chosen),
    'virtio_ring.ko:\nvirtio.ko: virtio_ring.ko\nvirtio_blk.ko: virtio.ko virtio_ring.ko\n',
  );
  assert.equal(renderModulesAlias(chosen), 'alias virtio:d2v* virtio_blk\n');
});
