import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { contentCommand, factsCommand, parseFacts, whyNoRoom, whyNotOver } from './place-facts.ts';

async function shell(command: string): Promise<string> {
  const { stdout } = await systemCommands.run('sh', ['-c', command], { allowExitCodes: [0, 1] });
  return stdout;
}

test('a place is a folder, a file or nothing, and says what it has', async () => {
  const folder = await mkdtemp(join(tmpdir(), `ironbark-it's-`));
  try {
    const file = join(folder, 'disk');
    await writeFile(file, '');
    await truncate(file, 9 * MIB);
    const place = parseFacts(await shell(factsCommand(folder)));
    assert.equal(place.kind, 'folder');
    assert.ok(place.freeBytes > 0 && place.programs.has('dd') && place.machine !== '');
    assert.deepEqual(
      [parseFacts(await shell(factsCommand(file)))].map(({ kind, sizeBytes }) => [kind, sizeBytes]),
      [['file', 9 * MIB]],
    );
    assert.equal(parseFacts(await shell(factsCommand(join(folder, 'none')))).kind, 'none');
    assert.equal(parseFacts(await shell(factsCommand('/dev/null'))).kind, 'other');

    const look = async () => whyNotOver(await shell(contentCommand(file, 8 * MIB)), false);
    assert.equal(await look(), undefined);
    const args = [`of=${file}`, 'bs=1', 'conv=notrunc'];
    const put = (at: number) => systemCommands.run('dd', [...args, `seek=${at}`], { input: 'x' });
    await put(9 * MIB - 1);
    assert.match((await look()) ?? '', /it holds data\. --destroy/);
    await truncate(file, 0);
    await truncate(file, 9 * MIB);
    assert.equal(await look(), undefined);
    await put(5 * MIB + 7);
    assert.match((await look()) ?? '', /it holds data\. --destroy/);
    assert.equal(whyNotOver(await shell(contentCommand(file, 8 * MIB)), true), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what is in use is refused with --destroy too, and silence is no permission', () => {
  for (const mayDestroy of [false, true]) {
    assert.equal(whyNotOver('used mounted\ndata 0\n', mayDestroy), 'it is in use: mounted');
    assert.match(
      whyNotOver('used \u001b\nused odd\ndata 0\n', mayDestroy) ?? '',
      /nobody can tell/,
    );
  }
  assert.match(whyNotOver('', false) ?? '', /could not be read/);
  assert.match(whyNotOver('holds ext4 \ndata 2\n', false) ?? '', /^it holds ext4\. --destroy/);
  assert.match(whyNotOver('holds \u001b[2J\ndata 2\n', false) ?? '', /^it holds data/);
});

test('room is looked at before anything is written', () => {
  const facts = parseFacts('kind folder\nsize 0\nfree 65536\nmachine x86_64\nhas dd\nhas \u001b\n');
  assert.deepEqual([...facts.programs], ['dd']);
  assert.equal(whyNoRoom(facts, '/mnt', 32 * MIB), undefined);
  assert.match(
    whyNoRoom(facts, '/mnt', 64 * MIB) ?? '',
    /\/mnt has 64 MiB free, and this takes 64/,
  );
  const disk = { ...facts, kind: 'device', sizeBytes: 8 * MIB } as const;
  assert.match(whyNoRoom(disk, '/dev/vdb', 16 * MIB) ?? '', /\/dev\/vdb has 8 MiB, and this takes/);
  assert.match(whyNoRoom({ ...disk, kind: 'other' }, '/dev/tty', 8 * MIB) ?? '', /no disk/);
  assert.throws(() => parseFacts('\u001b[2Jkind folder'), /shell does not do/);
});
