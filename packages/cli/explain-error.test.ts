import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ServiceError } from '@ironbark/core/errors.ts';
import { TimeoutError } from '@ironbark/platform/clock.ts';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import { explainError } from './explain-error.ts';
import { Problem, renderProblem, renderProblemJson } from './problem.ts';

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('a file that is not there is no bug', async () => {
  const error = await thrownBy(() => readFile('/nonexistent/user-data'));
  assert.match(explainError(error)!.message, /ENOENT.*\/nonexistent\/user-data/);
});

test('a full disk and a closed folder come with what to do', () => {
  for (const [code, advice] of [
    ['ENOSPC', /free some space/],
    ['EACCES', /--data-dir/],
  ] as const) {
    const error = Object.assign(new Error(`${code}: no`), { code, syscall: 'open' });
    assert.match(explainError(error)!.advice.join(), advice);
  }
});

test('a cloud that ended meanwhile is no bug', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const error = await thrownBy(() => fetch(`http://127.0.0.1:${port}/`));
  assert.match(explainError(error)!.message, /the cloud does not answer/);
});

test('what services, commands and the API say is passed on', async () => {
  const service = new ServiceError({ kind: 'not-found', resource: 'image', message: 'no image' });
  assert.equal(explainError(service)!.message, 'no image');
  assert.equal(explainError(new TimeoutError('not in time'))!.message, 'not in time');
  const command = await thrownBy(() => systemCommands.run('ls', ['/nonexistent']));
  assert.match(explainError(command)!.message, /nonexistent/);
  const api = new Ec2Error({ code: 'AuthFailure', message: 'no', requestId: '1', status: 401 });
  assert.equal(explainError(api)!.message, 'the cloud answered AuthFailure: no');
});

test('ssh for a user without a name says what it needs', () => {
  const stderr = 'No user exists for uid 12345';
  const error = new CommandError(['ssh-keygen'], { exitCode: 255, stderr });
  assert.match(explainError(error)!.advice.join(), /useradd/);
});

test('anything else is a bug', () => {
  assert.equal(explainError(new Error('index out of range')), undefined);
  assert.equal(explainError(new TypeError('x is not a function')), undefined);
  assert.equal(explainError('text'), undefined);
});

test('a problem is shown with its advice, and as JSON', () => {
  const problem = new Problem('it is so', ['do this', 'or that'], 4);
  assert.equal(renderProblem(problem), 'ironbark: it is so\n  → do this\n  → or that');
  assert.deepEqual(JSON.parse(renderProblemJson(problem)), {
    error: 'it is so',
    advice: ['do this', 'or that'],
  });
});
