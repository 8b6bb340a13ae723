import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';
import { findProcess } from '@ironbark/platform/processes.ts';
import { MeasureSession, printable, SessionError } from './measure-session.ts';
import { quoted, renderSessionScript } from './session-script.ts';

const MARK = 'ironbark:0a1b';
const TIMEOUT_MS = 20_000;
let parent: string;
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ironbark-session-'));
});
after(() => rm(parent, { recursive: true }));

const env = { PATH: process.env['PATH'] ?? '', HOME: '/nowhere' };

/** As ssh has it in a guest: a shell of this host with the script, over the same three streams. */
async function open(name: string, signal = new AbortController().signal) {
  const script = renderSessionScript({ path: parent, name, mark: MARK });
  const process = await systemCommands.startAttached('sh', ['-c', script], { cwd: '/', env });
  return await MeasureSession.open({ process, mark: MARK, clock: systemClock, signal });
}

async function isRunning(pid: number): Promise<boolean> {
  return (await findProcess(pid)) !== undefined;
}

test('commands run one after the other in a folder of their own, which is gone afterwards', async () => {
  const session = await open('one');
  const folder = join(parent, 'one');
  assert.deepEqual(await readdir(parent), ['one']);
  const said = await session.run(
    `printf '%s\\n' "a\\\\b" 'c d'; echo late >&2\nexit 7`,
    TIMEOUT_MS,
  );
  assert.equal(said.text, 'a\\b\nc d\nlate\n');
  assert.equal(said.exitCode, 7);
  await session.run('echo kept > file; cd /', TIMEOUT_MS);
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'kept\n');
  // Nothing is left to read: the script's input is not a command's.
  assert.equal((await session.run('cat', TIMEOUT_MS)).text, '');
  for (let count = 0; count < 20; count += 1) {
    assert.equal((await session.run('true', TIMEOUT_MS)).exitCode, 0);
  }
  await session[Symbol.asyncDispose]();
  assert.equal(session.hasGone, true);
  assert.deepEqual(await readdir(parent), []);
});

test('Ctrl-C kills what runs with all that it started, and takes the folder away', async () => {
  const interrupt = new AbortController();
  const session = await open('two', interrupt.signal);
  const pids = join(parent, 'two', 'pids');
  const command = 'sleep 600 & echo $! > early; echo $$ >> early; mv early pids; exec sleep 600';
  const running = session.run(command, TIMEOUT_MS);
  const ended = assert.rejects(running, /stop it/);
  const wait = { clock: systemClock, timeoutMs: TIMEOUT_MS, what: 'the command', intervalMs: 5 };
  await waitFor(() => exists(pids), wait);
  const [below, own] = (await readFile(pids, 'utf8')).trim().split('\n').map(Number);
  interrupt.abort(new Error('stop it'));
  await ended;
  await session[Symbol.asyncDispose]();
  assert.equal(session.hasGone, true);
  assert.deepEqual(await readdir(parent), []);
  await waitFor(async () => !(await isRunning(own!)) && !(await isRunning(below!)), wait);
});

test('a connection that is lost is said, and the place is cleaned without a word of ours', async () => {
  const script = renderSessionScript({ path: parent, name: 'three', mark: MARK });
  const shell = await systemCommands.startAttached('sh', ['-c', script], { cwd: '/', env });
  const { promise: ended, resolve: lose } = Promise.withResolvers<number>();
  const { signal } = new AbortController();
  const session = await MeasureSession.open({
    ...{ process: { ...shell, ended }, mark: MARK, clock: systemClock, signal },
  });
  const running = assert.rejects(session.run('sleep 600', TIMEOUT_MS), SessionError);
  lose(255);
  shell.stdin.end();
  await running;
  assert.equal(await shell.ended, 0);
  assert.deepEqual(await readdir(parent), []);
});

test('what takes too long, or prints without an end, is killed, and the session goes on', async () => {
  await using session = await open('four');
  await assert.rejects(session.run('exec sleep 600', 50), /did not end within/);
  assert.equal((await session.run('echo still here', TIMEOUT_MS)).text, 'still here\n');
  await assert.rejects(session.run('exec yes', TIMEOUT_MS), /prints without an end/);
  assert.equal((await session.run('echo still here', TIMEOUT_MS)).text, 'still here\n');
});

test('what only looks like the script’s own words ends nothing, and is harmless on a terminal', async () => {
  await using session = await open('five');
  const forged = `echo 'ironbark:ffff end 0'; echo " ${MARK} end 0"; echo true`;
  assert.match((await session.run(forged, TIMEOUT_MS)).text, /true\n$/);
  assert.equal(printable('a\u001b[2Jb\r\nc\u0007\u2028'), 'a?[2Jb\nc??');
  assert.equal(printable('x'.repeat(5_000)).length, 400);
});

test('a place that lets nobody in, or has no such folder to make, says why', async () => {
  await assert.rejects(open('six/seven'), /six\/seven/);
  const shell = await systemCommands.startAttached('sh', ['-c', 'echo denied >&2; exit 255'], {
    ...{ cwd: '/', env },
  });
  const { signal } = new AbortController();
  const opening = MeasureSession.open({ process: shell, mark: MARK, clock: systemClock, signal });
  await assert.rejects(opening, { name: 'SessionError', message: 'denied' });
});

test('a path is a word of the shell, whatever is in it', async () => {
  assert.equal(quoted(`it's`), `'it'\\''s'`);
  const odd = await mkdtemp(join(parent, `$(touch gone)' "x-`));
  const script = renderSessionScript({ path: odd, name: 'own', mark: MARK });
  const shell = await systemCommands.startAttached('sh', ['-c', script], { cwd: parent, env });
  const { signal } = new AbortController();
  const options = { process: shell, mark: MARK, clock: systemClock, signal };
  await using session = await MeasureSession.open(options);
  assert.equal((await session.run('pwd', TIMEOUT_MS)).text.trim(), join(odd, 'own'));
  assert.deepEqual((await readdir(parent)).includes('gone'), false);
});
