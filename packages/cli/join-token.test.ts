// Owns the tests of where a join token comes from.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { readToken, type TokenPlace } from './join-token.ts';

function read(place: TokenPlace, lines = '', isTTY = false) {
  const said: string[] = [];
  const stdin = Object.assign(Readable.from([Buffer.from(lines)]), { isTTY });
  const say = (line: string) => void said.push(line);
  const token = readToken(place, { stdin, ask: say, warn: say });
  return { token, said };
}

test('a token is the first line of the standard input, or of a file, and nothing is said of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ib-'));
  try {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, ' ibjoin_1\r\nmore\n');
    for (const { token, said } of [
      read({ token: '-' }, 'ibjoin_1\nmore\n'),
      read({ token: '-' }, 'ibjoin_1'),
      read({ tokenFile }),
    ]) {
      assert.equal(await token, 'ibjoin_1');
      assert.deepEqual(said, []);
    }
    await assert.rejects(read({ tokenFile: join(folder, 'none') }).token, /there is no/);
    await assert.rejects(read({ token: '-', tokenFile }).token, /leave one|are given/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a person is asked for the token; nobody is waited for where there is none', async () => {
  const asked = read({}, 'ibjoin_1\n', true);
  assert.equal(await asked.token, 'ibjoin_1');
  assert.deepEqual(asked.said, ['Token: ']);
  await assert.rejects(read({}, 'ibjoin_1\n').token, /a token is needed/);
});

test('a token among the arguments is taken, with a warning that does not repeat it', async () => {
  const { token, said } = read({ token: 'ibjoin_1' });
  assert.equal(await token, 'ibjoin_1');
  assert.match(said.join(), /list of processes/);
  assert.doesNotMatch(said.join(), /ibjoin/);
});
