import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { type Ec2Client, Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from './context.ts';
import { ensureKeyPair } from './key-pair.ts';

/** As two see it who ask before either imports: whoever comes second is refused, and finds the key there. */
function cloudOfTwo(imported: string[]): Ec2Client {
  const call = async (action: string, input: { PublicKeyMaterial?: Uint8Array }) => {
    if (action === 'DescribeKeyPairs') return { KeyPairs: refusals > 0 ? [{}] : [] };
    if (imported.length > 0) {
      refusals += 1;
      throw new Ec2Error({ code: 'Refused', message: 'it exists', requestId: '', status: 400 });
    }
    imported.push(Buffer.from(input.PublicKeyMaterial!).toString());
    return {};
  };
  let refusals = 0;
  return { call } as unknown as Ec2Client;
}

/** Between the look for a key and the making of one, `meanwhile` happens once. */
function interrupted(meanwhile: () => Promise<void>): Commands {
  let isFirst = true;
  return {
    ...systemCommands,
    run: async (...asked) => {
      const wasFirst = isFirst;
      isFirst = false;
      if (wasFirst) await meanwhile();
      return await systemCommands.run(...asked);
    },
  };
}

test('of two that make the key pair at once, one makes it and the other takes it', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-keys-'));
  try {
    const imported: string[] = [];
    const ec2 = cloudOfTwo(imported);
    const contextWith = (commands: Commands) =>
      ({ dataDir, commands, random: systemRandom }) as unknown as CliContext;
    let first = '';
    const meanwhile = async () => {
      const path = await ensureKeyPair(contextWith(systemCommands), ec2);
      first = await readFile(path, 'utf8');
    };
    const path = await ensureKeyPair(contextWith(interrupted(meanwhile)), ec2);
    assert.equal(await readFile(path, 'utf8'), first);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.match(first, /^-----BEGIN OPENSSH PRIVATE KEY-----/);
    assert.deepEqual(imported, [await readFile(`${path}.pub`, 'utf8')]);
    assert.match(imported[0]!, /^ssh-ed25519 \S+ ironbark\n$/);
    const names = await readdir(join(dataDir, 'keys'));
    assert.deepEqual(names.sort(), ['ironbark', 'ironbark.pub']);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
