// Owns the tests of the confined start, by looking at a process that was started with it.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, waitFor } from './clock.ts';
import { systemCommands } from './commands.ts';
import {
  type ConfinedProgram,
  nameSpacesOf,
  startConfined,
  tryConfined,
} from './confined-start.ts';
import { asUser } from './confinement.ts';
import { ensureEnclosure, escapeField } from './enclosure.ts';
import { endProcess, findProcess, findProcessIn } from './processes.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root to make name spaces' };
const UID = 1_899_999_990;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

interface Lab extends AsyncDisposable {
  folder: string;
  program(file: string, args: readonly string[]): Promise<ConfinedProgram>;
}

/** What a shell, an fstab or an option parser would take for something else than a name. */
const NASTY = `-n 'a' "b" ; $(touch x) \`touch x\` & |  > x : ? # \\ \n$HOME`;

async function makeLab(): Promise<Lab> {
  const top = await mkdtemp(join(tmpdir(), `ironbark ${NASTY} confined-`));
  await chmod(top, 0o711);
  const folder = join(top, 'own');
  await mkdir(join(folder, 'run'), { recursive: true });
  const program = async (file: string, args: readonly string[]): Promise<ConfinedProgram> => ({
    file,
    args,
    confinement: asUser(UID),
    limits: { openFiles: 100, processes: 20, fileBytes: 4096 },
    enclosure: await ensureEnclosure({
      directory: join(top, 'enclosure'),
      programs: ['sh', 'cat', 'printf', 'sleep'],
      searchPath: PATH,
      devices: ['/dev/null'],
    }),
    folder,
    workingDirectory: 'run',
    ownNetwork: true,
  });
  const dispose = () => rm(top, { recursive: true });
  return { folder, program, [Symbol.asyncDispose]: dispose };
}

test('a confined process has name spaces, root and limits of its own', needsRoot, async () => {
  await using lab = await makeLab();
  const program = await lab.program('sleep', ['60']);
  await using output = await open(join(lab.folder, 'log'), 'w');
  const { pid } = await startConfined(systemCommands, program, { log: output.fd });
  try {
    const wait = { clock: systemClock, timeoutMs: 10_000, what: 'the program starts' };
    await waitFor(async () => (await readFile(`/proc/${pid}/comm`, 'utf8')) === 'sleep\n', wait);
    for (const name of nameSpacesOf(program)) {
      const own = await readlink(`/proc/${pid}/ns/${name}`);
      assert.notEqual(own, await readlink(`/proc/self/ns/${name}`), name);
    }
    assert.equal((await findProcessIn(join(lab.folder, 'run')))?.pid, pid, 'found by its folder');
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    assert.match(status, new RegExp(`^Uid:\\t${UID}\\t${UID}`, 'm'));
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^NSpid:\t\d+\t1$/m);
    const limits = await readFile(`/proc/${pid}/limits`, 'utf8');
    assert.match(limits, /^Max open files +100 +100 /m);
    assert.match(limits, /^Max processes +20 +20 /m);
    assert.match(limits, /^Max file size +4096 +4096 /m);
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8'))
      .split('\0')
      .filter(Boolean);
    assert.deepEqual(environment.map((each) => each.split('=')[0]).sort(), ['LC_ALL', 'PATH']);
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
    assert.doesNotMatch(mounts, / \/old/);
    for (const line of mounts.trim().split('\n')) {
      if (!/ \/(own|dev\/null) /.test(line)) assert.match(line, / ro,nosuid,nodev/);
    }
  } finally {
    const left = await findProcess(pid);
    if (left !== undefined) await endProcess(left, { clock: systemClock, graceMs: 0 });
  }
});

test(
  'A30: names and arguments reach a confined program as they are, and no shell',
  needsRoot,
  async () => {
    await using lab = await makeLab();
    const words = [NASTY, '--', '-c', '', '"$1"', "'; id; '", 'a\nb'];
    const file = join(lab.folder, 'said');
    await using log = await open(file, 'w');
    const program = await lab.program('printf', ['%s\\0', ...words]);
    await startConfined(systemCommands, program, { log: log.fd });
    const wanted = words.map((word) => `${word}\0`).join('');
    const wait = { clock: systemClock, timeoutMs: 10_000, what: 'the program speaks' };
    await waitFor(async () => (await readFile(file, 'utf8')).length >= wanted.length, wait);
    assert.equal(await readFile(file, 'utf8'), wanted);
    assert.deepEqual((await readdir(lab.folder)).sort(), ['run', 'said']);
    assert.deepEqual(await readdir(join(lab.folder, 'run')), []);
  },
);

test('a process that cannot be enclosed says why', needsRoot, async () => {
  await using lab = await makeLab();
  const program = await lab.program('sh', ['-c', 'cat /etc/shadow']);
  assert.match((await tryConfined(systemCommands, program)) ?? '', /No such file/);
  const enclosure = { ...program.enclosure!, root: join(lab.folder, 'missing') };
  const lost = await tryConfined(systemCommands, { ...program, enclosure });
  assert.match(lost ?? '', /mount/);
});

test('names are spelled as the table of mounts wants them', () => {
  assert.equal(escapeField('/a b\tc\\d#e'), '/a\\040b\\011c\\134d\\043e');
});
