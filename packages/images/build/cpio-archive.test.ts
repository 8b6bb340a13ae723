import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCpio } from './cpio-archive.ts';

test('entries are laid out as the kernel reads them', () => {
  const archive = renderCpio([
    { kind: 'directory', path: '/bin' },
    { kind: 'file', path: 'bin/tool', contents: Buffer.from('hello'), mode: 0o755 },
    { kind: 'link', path: 'bin/sh', target: 'tool' },
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
  ]);
  assert.equal(archive.length % 512, 0);
  assert.deepEqual(readBack(archive), [
    { name: 'bin', mode: 0o040755, device: [0, 0], data: '' },
    { name: 'bin/tool', mode: 0o100755, device: [0, 0], data: 'hello' },
    { name: 'bin/sh', mode: 0o120777, device: [0, 0], data: 'tool' },
    { name: 'dev/console', mode: 0o020600, device: [5, 1], data: '' },
  ]);
});

function readBack(archive: Buffer) {
  const entries: { name: string; mode: number; device: number[]; data: string }[] = [];
  let at = 0;
  for (;;) {
    assert.equal(archive.toString('latin1', at, at + 6), '070701');
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const name = archive.toString('latin1', at + 110, nameEnd - 1);
    if (name === 'TRAILER!!!') return entries;
    const dataAt = Math.ceil(nameEnd / 4) * 4;
    const data = archive.toString('latin1', dataAt, dataAt + field(6));
    entries.push({ name, mode: field(1), device: [field(9), field(10)], data });
    at = Math.ceil((dataAt + field(6)) / 4) * 4;
  }
}
