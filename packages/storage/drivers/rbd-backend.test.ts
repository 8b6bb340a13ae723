// Owns the tests of what Ceph's programs are asked, and of what their answers mean. The programs are recorded ones; real
// ones run in `npm run faults -- ceph`.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import {
  type AttachedProcess,
  CommandError,
  type Commands,
  systemCommands,
} from '@ironbark/platform/commands.ts';
import { RbdBackend } from './rbd-backend.ts';
import { RbdCommand } from './rbd-command.ts';
import { planWhole, readPercent } from './rbd-flatten.ts';
import type { ImageFacts } from './rbd-images.ts';
import { takePoint } from './rbd-points.ts';

const SETTINGS = { pool: 'volumes', user: 'us', confPath: '/c', keyringPath: '/k' };
const LOGIN = ['--conf', '/c', '--id', 'us', '--keyring', '/k'];
const ONE = 'vol-00000000000000001';
const TWO = 'vol-00000000000000002';
const MAP = 'object-map fast-diff';
const POINT = { id: ONE, snapshotId: 'snap-00000000000000001' } as const;
const FEATURES = 'layering,exclusive-lock,object-map,fast-diff,deep-flatten';

interface Answer {
  code?: number;
  stdout?: string;
}

interface Started extends AttachedProcess {
  stdin: PassThrough;
  stderr: PassThrough;
  end(code: number): void;
}

/** Answers by the beginning of the arguments, well and without words unless told. */
function record(answers: Record<string, Answer> = {}) {
  const asked: string[] = [];
  const started: Started[] = [];
  const note = (file: string, args: readonly string[]) => {
    assert.deepEqual(args.slice(0, LOGIN.length), LOGIN);
    const line = [...(file === 'rbd' ? [] : [file]), ...args.slice(LOGIN.length)].join(' ');
    asked.push(line);
    return Object.entries(answers).find(([beginning]) => line.startsWith(beginning))?.[1] ?? {};
  };
  const commands: Commands = {
    ...systemCommands,
    run: async (file, args, options) => {
      const { code = 0, stdout = '' } = note(file, args);
      if (!(options?.allowExitCodes ?? [0]).includes(code)) {
        throw new CommandError([file, ...args], { exitCode: code, stderr: '' });
      }
      return { stdout, stderr: '', exitCode: code };
    },
    startAttached: async (file, args) => {
      note(file, args);
      const { promise: ended, resolve } = Promise.withResolvers<number | string>();
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
      const end = (code: number | string) => {
        stdout.end();
        stderr.end();
        resolve(code);
      };
      const process = { pid: 1, stdin, stdout, stderr, ended, kill: end, end };
      started.push(process);
      return process;
    },
  };
  const backend = new RbdBackend(SETTINGS, { commands, clock: systemClock });
  return { backend, commands, asked, started, answers };
}

function until(what: string, probe: () => Promise<boolean>): Promise<unknown> {
  return waitFor(probe, { clock: systemClock, timeoutMs: 2_000, intervalMs: 1, what });
}

const ABSENT = { code: 2 };
const SAME = { pointBytes: 1024, sizeBytes: 1024 };
const CLONE = `clone --rbd-default-clone-format 2 --image-feature layering,exclusive-lock,deep-flatten volumes/${ONE}@${POINT.snapshotId} volumes/${TWO}.new`;

test('an image is made with what clones and differences need', async () => {
  const { backend, asked } = record({ info: ABSENT });
  await backend.prepare(ONE, 1024);
  await backend.finish(ONE);
  assert.deepEqual(
    asked.filter((line) => !line.startsWith('info')),
    [
      `create --size 1024B --image-feature ${FEATURES} volumes/${ONE}.new`,
      `rename volumes/${ONE}.new volumes/${ONE}`,
    ],
  );
});

test('first contents go into one program, and are there once it has ended well', async () => {
  const { backend, asked, started } = record({ info: ABSENT });
  await assert.rejects(backend.write(ONE, 0, Buffer.from('x')), { kind: 'unavailable' });
  await backend.prepare(ONE, 1024);
  await backend.write(ONE, 0, Buffer.from('one'));
  await backend.write(ONE, 512, Buffer.from('two'));
  await assert.rejects(backend.write(ONE, 1023, Buffer.from('xx')), /cannot be written/);
  const finished = backend.finish(ONE);
  const [program] = started;
  const said = Buffer.concat(await program!.stdin.toArray()).toString('latin1');
  assert.match(said, /^rbd diff v1\ns.{8}w.{16}onew.{16}twoe$/s);
  program!.end(0);
  await finished;
  assert.equal(started.length, 1);
  assert.ok(asked.includes(`import-diff --no-progress - volumes/${ONE}.new`));
  assert.equal(asked.at(-1), `rename volumes/${ONE}.new volumes/${ONE}`);
});

test('a program that ends badly leaves no volume, and what it was told is told again', async () => {
  const { backend, asked, started } = record({ info: ABSENT });
  await backend.prepare(ONE, 1024);
  await backend.write(ONE, 0, Buffer.from('one'));
  const finished = backend.finish(ONE);
  started[0]!.end(5);
  await assert.rejects(finished, { kind: 'unavailable' });
  assert.ok(!asked.some((line) => line.startsWith('rename')));
  await backend.prepare(ONE, 1024);
  await backend.write(ONE, 0, Buffer.from('one'));
  assert.equal(started.length, 2);
});

test('a clone is of Ceph’s second form, as long as asked, and there under its name at the end', async () => {
  const { backend, asked } = record();
  const sizes = { pointBytes: 1024, sizeBytes: 4096 };
  assert.equal(await backend.points.clone(TWO, POINT, sizes), true);
  assert.equal((await backend.points.inspectClone(TWO)).state, 'idle');
  assert.deepEqual(asked, [
    CLONE,
    `resize --no-progress --size 4096B volumes/${TWO}.new`,
    `rename volumes/${TWO}.new volumes/${TWO}`,
  ]);
});

test('what a crash left of a clone is made anew', async () => {
  const { backend, asked, answers } = record({ clone: { code: 17 } });
  const remade = backend.points.clone(TWO, POINT, SAME);
  answers['clone'] = {};
  assert.equal(await remade, true);
  assert.deepEqual(asked, [
    CLONE,
    `snap purge --no-progress volumes/${TWO}.new`,
    `rm --no-progress volumes/${TWO}.new`,
    CLONE,
    `rename volumes/${TWO}.new volumes/${TWO}`,
  ]);
});

test('there is no clone of a point that is gone', async () => {
  const { backend } = record({ clone: ABSENT });
  assert.equal(await backend.points.clone(TWO, POINT, SAME), false);
});

test('an image that clones read from goes to the trash, which is emptied as they become whole', async () => {
  const trash = JSON.stringify([
    { id: 'aa', name: ONE },
    { id: 'bb', name: 'somebody-elses' },
  ]);
  const { backend, asked } = record({
    [`snap purge --no-progress volumes/${ONE}.new`]: ABSENT,
    [`rm --no-progress volumes/${ONE}`]: { code: 39 },
    'trash ls': { stdout: trash },
    'trash rm': { code: 39 },
  });
  assert.equal(await backend.remove(ONE), 100);
  assert.deepEqual(asked.slice(1), [
    `snap purge --no-progress volumes/${ONE}`,
    `rm --no-progress volumes/${ONE}`,
    `trash mv volumes/${ONE}`,
    'trash ls --format json --pool volumes',
    'trash rm --force --no-progress volumes/aa',
  ]);
});

test('a point that is there is taken, and one that is gone is dropped', async () => {
  const { commands, asked, backend } = record({ 'snap create': { code: 17 }, 'snap rm': ABSENT });
  const rbd = new RbdCommand(SETTINGS, commands);
  const name = POINT.snapshotId;
  await takePoint(rbd, ONE, { name, mustBeNew: false });
  const anew = takePoint(rbd, ONE, { name, mustBeNew: true });
  await assert.rejects(anew, { kind: 'unavailable' }, 'a late one of a set that was cut short');
  await backend.points.drop(POINT);
  assert.deepEqual(asked.slice(1), [
    `snap create --no-progress volumes/${ONE}@${POINT.snapshotId}`,
    `snap rm --no-progress volumes/${ONE}@${POINT.snapshotId}`,
    `snap rm --no-progress volumes/${ONE}@held-${POINT.snapshotId}`,
  ]);
});

test('points of volumes are found among all else that a pool has', async () => {
  const stdout = JSON.stringify([
    { image: ONE, size: 1 },
    { image: ONE, snapshot: POINT.snapshotId, size: 1 },
    { image: TWO, snapshot: 'held-snap-00000000000000002' },
    { image: TWO, snapshot: 'my-own' },
    { image: 'mine', snapshot: 'snap-00000000000000003' },
  ]);
  const { backend } = record({ ls: { stdout } });
  assert.deepEqual(await backend.points.list(), [
    POINT,
    { id: TWO, snapshotId: 'snap-00000000000000002' },
  ]);
});

test('two clones at a time are made whole, with progress, and one that fails is shown', async () => {
  const { backend, started, answers } = record({ info: { stdout: '{"size":1,"parent":{}}' } });
  const ids = [ONE, TWO, 'vol-00000000000000003'] as const;
  for (const id of ids) await backend.points.flatten(id);
  await backend.points.flatten(ONE);
  await until('two to begin', async () => started.length === 2);
  started[0]!.stderr.write('Image flatten: 12% complete...\rImage flatten: 30% complete...');
  await until('progress', async () => (await backend.points.inspectClone(ONE)).percent === 30);
  started[1]!.end(5);
  await until('the third', async () => started.length === 3);
  assert.equal((await backend.points.inspectClone(TWO)).state, 'failed');
  answers['info'] = { stdout: JSON.stringify({ size: 1, features: FEATURES.split(',') }) };
  started[0]!.end(0);
  await until('the end', async () => (await backend.points.inspectClone(ONE)).state === 'done');
  await backend[Symbol.asyncDispose]();
  assert.equal(await started[2]!.ended, 'SIGKILL');
});

test('a clone has no map of objects until it reads from nothing else, and a true one then', () => {
  const [all, bare] = [FEATURES.split(','), ['layering', 'exclusive-lock', 'deep-flatten']];
  const mapless = { size: 1, features: bare };
  const next = (image: ImageFacts) => planWhole(image)?.('p/i').join(' ');
  assert.equal(next({ ...mapless, parent: {} }), 'flatten p/i');
  assert.equal(next({ ...mapless, parent: {}, features: all }), `feature disable p/i ${MAP}`);
  assert.equal(next(mapless), `feature enable p/i ${MAP}`);
  const flags = ['object map invalid', 'fast diff invalid'];
  const rebuilt = 'object-map rebuild --no-progress p/i';
  assert.equal(next({ size: 1, features: all, flags }), rebuilt);
  assert.equal(next({ size: 1, features: all, flags: [] }), undefined);
});

test('a clone that reads from nothing else is not whole before its map of objects is', async () => {
  const says = (features: string[], flags: string[]) => ({
    stdout: JSON.stringify({ size: 1, features, flags }),
  });
  const { backend, asked, started, answers } = record({ info: says(['layering'], []) });
  assert.deepEqual(await backend.points.inspectClone(ONE), { state: 'idle', percent: 100 });
  await backend.points.flatten(ONE);
  const all = FEATURES.split(',');
  for (const [step, flags] of [['object map invalid'], []].entries()) {
    await until('the next step', async () => started.length === step + 1);
    answers['info'] = says(all, flags);
    started[step]!.end(0);
  }
  await until('the end', async () => (await backend.points.inspectClone(ONE)).state === 'done');
  assert.deepEqual(
    asked.filter((line) => !line.startsWith('info')),
    [`feature enable volumes/${ONE} ${MAP}`, `object-map rebuild --no-progress volumes/${ONE}`],
  );
});

test('what a program shows is its last figure', () => {
  assert.equal(readPercent('Image flatten: 3% complete...\rImage flatten: 5% complete'), 5);
  assert.equal(readPercent('Image flatten: 100% complete...done.'), 100);
  assert.equal(readPercent('nothing'), undefined);
});
