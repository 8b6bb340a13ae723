import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { buildKey, digestRecipe, findFinishedBuild, keepBuild } from './build-cache.ts';
import type { BuildContext } from './build-context.ts';
import type { BuiltImage } from './built-image.ts';

let context: BuildContext;
beforeEach(async () => {
  const workDir = await mkdtemp(join(tmpdir(), 'ironbark-cache-test-'));
  context = { workDir, commands: systemCommands, clock: systemClock, logger: silentLogger };
});
afterEach(() => rm(context.workDir, { recursive: true, force: true }));

const manifest = { name: 'tiny' } as BuiltImage['manifest'];
const key = buildKey('tiny', 'recipe', { a: '1' });

function make(contents: string) {
  return async (folder: string) => {
    await writeFile(join(folder, 'root.raw'), contents);
    return { manifest, files: { root: 'root.raw' } };
  };
}

test('the key follows recipe and versions, not their order', () => {
  const ids = [
    buildKey('tiny', 'recipe', { a: '1', b: '2' }),
    buildKey('tiny', 'recipe', { b: '2', a: '1' }),
    buildKey('tiny', 'recipe', { a: '1', b: '3' }),
    buildKey('tiny', 'changed', { a: '1', b: '2' }),
  ].map(({ buildId }) => buildId);
  assert.equal(ids[0], ids[1]);
  assert.equal(new Set(ids).size, 3);
});

test('a finished build is found again, with its files', async () => {
  assert.equal(await findFinishedBuild(context.workDir, key), undefined);
  await keepBuild(context, key, make('disk'));
  const found = await findFinishedBuild(context.workDir, key);
  assert.equal(await readFile(found!.files.root, 'utf8'), 'disk');
  assert.deepEqual(found!.manifest, manifest);
});

test('a build that fails leaves nothing', async () => {
  const failing = keepBuild(context, key, async (folder) => {
    await make('half')(folder);
    throw new Error('no space');
  });
  await assert.rejects(failing, /no space/);
  assert.deepEqual(await readdir(join(context.workDir, 'builds')), []);
});

test('of two builds of the same the first to arrive stays', async () => {
  const both = await Promise.all([
    keepBuild(context, key, make('x')),
    keepBuild(context, key, make('x')),
  ]);
  assert.equal(both[0].files.root, both[1].files.root);
  assert.equal((await readdir(join(context.workDir, 'builds'))).length, 1);
});

test('the recipe digest changes with a file, and not with a test', async () => {
  const folder = context.workDir;
  await writeFile(join(folder, 'a'), '1');
  const first = await digestRecipe([folder]);
  await writeFile(join(folder, 'a.test.ts'), '1');
  assert.equal(await digestRecipe([folder]), first);
  await writeFile(join(folder, 'a'), '2');
  assert.notEqual(await digestRecipe([folder]), first);
});
