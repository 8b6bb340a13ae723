// The command line as a stranger meets it, on a cloud whose hypervisor is simulated: every command answers in JSON,
// and every mistake is told what to do next.

import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { createEc2Client } from '@ironbark/protocol/ec2/client.ts';
import { eventually, projectDir } from '../support/cloud-under-test.ts';

let folder: string;
let dataDir: string;

before(async () => {
  folder = await mkdtemp('/var/tmp/ironbark-test-');
  dataDir = join(folder, 'cloud');
});
after(async () => {
  await ironbark('purge', '--yes');
  await rm(folder, { recursive: true, force: true });
});

const EXIT_CODES = [0, 1, 2, 3, 130];

async function ironbark(...args: string[]) {
  const all = ['--data-dir', dataDir, ...args];
  const { exitCode, stdout, stderr } = await systemCommands.run(join(projectDir, 'ironbark'), all, {
    allowExitCodes: EXIT_CODES,
    timeoutMs: 120_000,
  });
  return { exitCode, stdout, stderr };
}

// biome-ignore lint/suspicious/noExplicitAny: each command answers in a shape of its own
async function json(...args: string[]): Promise<any> {
  const { exitCode, stdout, stderr } = await ironbark('--json', ...args);
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** The command has to fail and to say this. */
async function refuses(args: readonly string[], ...expected: RegExp[]): Promise<void> {
  const { exitCode, stderr } = await ironbark(...args);
  assert.equal(exitCode, 1, `${args.join(' ')} gave ${exitCode}: ${stderr}`);
  assert.doesNotMatch(stderr, /a bug|\n {4}at /, args.join(' '));
  for (const pattern of expected) assert.match(stderr, pattern, args.join(' '));
}

test('without a cloud, status says so and how to start one, with an exit code for scripts', async () => {
  const { exitCode, stdout } = await ironbark('status');
  assert.equal(exitCode, 3);
  assert.match(stdout, new RegExp(`start it with: .*ironbark --data-dir ${dataDir} up`));
  const asJson = await ironbark('status', '--json');
  assert.deepEqual(JSON.parse(asJson.stdout), { running: false, dataDir });
});

test('without a cloud, what needs one says how to start it', async () => {
  const file = join(folder, 'disk.raw');
  await writeFile(file, '');
  const commands = [
    ['env'],
    ['ssh', 'web'],
    ['launch'],
    ['image', 'list'],
    ['image', 'build', 'debian-12'],
    ['image', 'import', file, '--format', 'raw', '--name', 'zeroes'],
    ['logs', 'web'],
  ];
  const start = new RegExp(`--data-dir ${dataDir} up`);
  await Promise.all(commands.map((args) => refuses(args, /no cloud is running from/, start)));
  await refuses(['logs'], /no cloud has run from this folder/);
  await refuses(['purge', '--yes'], /holds no cloud/);
  assert.deepEqual(await json('down'), { stopped: false });
});

test('with --json an error is one object too', async () => {
  for (const args of [['env'], ['nonsense'], ['up', '--port', 'x']]) {
    const { exitCode, stdout, stderr } = await ironbark('--json', ...args);
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    const { error, advice } = JSON.parse(stderr);
    assert.equal(typeof error, 'string');
    assert.ok(advice.length > 0);
  }
});

test('wrong words and flags are told what is right', async () => {
  await Promise.all([
    refuses(['lanch'], /Did you mean launch/, /--help lists the commands/),
    refuses(['up', '--netwrok', 'user'], /Did you mean --network/),
    refuses(['up', '--network', 'token-ring'], /Allowed choices are bridge, user, simulated/),
    refuses(['up', '--port', '70000'], /at most 65535/),
    refuses(['up', '--region', 'a b'], /us-east-1/),
    refuses(['image', 'build', 'windows'], /Allowed choices are micro, debian-12/),
    refuses(['image', 'import', 'x'], /--name/),
    refuses(['completion', 'fish'], /bash, zsh/),
  ]);
});

test('help of every command shows how it is used', async () => {
  const shown = await Promise.all([
    ironbark('--help'),
    ironbark('up', '--help'),
    ironbark('image', 'import', '--help'),
  ]);
  for (const { exitCode, stdout } of shown) {
    assert.equal(exitCode, 0);
    assert.match(stdout, /ironbark \w+/);
    assert.match(stdout, /--data-dir <folder>/);
    assert.match(stdout, /Start here:|Examples:/);
  }
});

test('up on a port that somebody has says so; without a wish it takes the next one', async () => {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
  const { port } = squatter.address() as { port: number };
  const simulated = ['up', '--hypervisor', 'simulated'];
  try {
    await refuses([...simulated, '--port', String(port)], /something else uses it/, /--port 0/);
  } finally {
    await new Promise((resolve) => squatter.close(resolve));
  }
  const usual = createServer();
  const isHeld = await new Promise<boolean>((resolve) => {
    usual.once('error', () => resolve(false));
    usual.listen(8773, '127.0.0.1', () => resolve(true));
  });
  try {
    // Two at once, as from two terminals, end with one cloud.
    const [one, other] = await Promise.all([json(...simulated), json(...simulated)]);
    assert.notEqual(new URL(one.endpoint).port, '8773');
    assert.equal(other.endpoint, one.endpoint);
  } finally {
    if (isHeld) await new Promise((resolve) => usual.close(resolve));
  }
});

test('up again is fine; what a running cloud cannot change is refused or said', async () => {
  assert.match((await ironbark('up')).stdout, /already running/);
  await refuses(['up', '--region', 'eu-west-1'], /made with region us-east-1/, /--data-dir/);
  const other = await ironbark('up', '--port', '9');
  assert.equal(other.exitCode, 0);
  assert.match(other.stderr, /takes a restart/);
});

test('a folder that another user may not enter says whose it is to use', {
  skip: process.getuid?.() === 0 ? false : 'needs root to become another user',
}, async (t) => {
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
  const main = join(projectDir, 'packages/cli/main.ts');
  const allowExitCodes = EXIT_CODES.concat(126, 127);
  // Through a shell: setpriv itself still has root's rights when it looks for its program.
  const check = ['sh', '-c', 'exec "$0" --check "$1"', process.execPath, main];
  const tried = await systemCommands.run('setpriv', [...nobody, ...check], { allowExitCodes });
  if (tried.exitCode !== 0) {
    t.skip('another user can read neither this checkout nor its Node.js');
    return;
  }
  const command = [join(projectDir, 'ironbark'), '--data-dir', dataDir, 'status'];
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, IRONBARK_NODE: process.execPath };
  const { stderr } = await systemCommands.run('setpriv', [...nobody, ...command], {
    env,
    allowExitCodes,
  });
  assert.match(stderr, /you may not use the cloud in/);
});

test('an import says what is wrong with the file or the name', async () => {
  const file = join(folder, 'disk.raw');
  const named = ['--format', 'raw', '--name', 'zeroes'];
  await refuses(['image', 'import', join(folder, 'none'), ...named], /none/);
  await refuses(['image', 'import', file, '--format', 'raw', '--name', 'x'], /3 to 128/);
  await truncate(file, 1024 * 1024);
  await refuses(['image', 'import', file, '--format', 'qcow2', '--name', 'zeroes'], /qcow2/i);
  const { imageId } = await json('image', 'import', file, ...named);
  const { images } = await json('image', 'list');
  assert.deepEqual(
    images.map((image: { ImageId: string }) => image.ImageId),
    [imageId],
  );
});

test('launch says what there is when what was asked for is not', async () => {
  await refuses(['launch', '--image', 'nope'], /there is no image nope/, /those there are: zeroes/);
  await refuses(['launch', '--image', 'zeroes', '--type', 'z9.huge'], /z9\.huge/);
  await refuses(
    ['launch', '--image', 'zeroes', '--user-data', join(folder, 'none')],
    /no such file or directory.*none/,
  );
  await refuses(['ssh'], /there are no instances/, /launch/);
});

test('an instance is launched, listed, and found by its name', async () => {
  const { instanceId } = await json('launch', '--image', 'zeroes', '--name', 'web');
  const { node } = await json('status');
  assert.deepEqual(
    node.instances.map((instance: { id: string }) => instance.id),
    [instanceId],
  );
  await refuses(['ssh', 'web'], /simulated: there is nothing to log in to/);
  await refuses(['ssh', 'wbe'], /no instance is called wbe/, new RegExp(instanceId));
  assert.equal((await json('logs', 'web')).instanceId, instanceId);
});

test('ssh to a stopped instance says how to start it', async () => {
  const ec2 = createEc2Client({ ...(await json('env')), nowMs: () => systemClock.nowMs() });
  const { node } = await json('status');
  const InstanceIds = [node.instances[0].id];
  await ec2.call('StopInstances', { InstanceIds, Force: true });
  await eventually('it is stopped', async () => {
    const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds });
    return Reservations?.[0]?.Instances?.[0]?.State?.Name === 'stopped';
  });
  await refuses(['ssh', 'web'], /is stopped/, /aws ec2 start-instances --instance-ids i-/);
});

test('the log can be followed, and nothing follows on when the command is killed', async () => {
  const following = new AbortController();
  const args = ['--data-dir', dataDir, 'logs', '-f', '-n', '1'];
  const ended = systemCommands
    .run(join(projectDir, 'ironbark'), args, { signal: following.signal })
    .catch((error: unknown) => error);
  const path = join(dataDir, 'ironbark.log');
  const tails = async () => {
    const { stdout } = await systemCommands.run('pgrep', ['-f', `^tail .*${path}`], {
      allowExitCodes: [0, 1],
    });
    return stdout.trim() || undefined;
  };
  await eventually('tail runs', tails);
  following.abort();
  await ended;
  await eventually('tail ended', async () => (await tails()) === undefined);
});

test('the other commands answer in JSON too', async () => {
  const env = await json('env');
  assert.match(env.endpoint, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match((await json('completion', 'bash')).script, /complete -o default/);
  const doctor = await ironbark('doctor', '--json');
  assert.ok(JSON.parse(doctor.stdout).checks.length > 5);
});

test('down, down again, and purge', async () => {
  assert.deepEqual(await json('down'), { stopped: true });
  assert.deepEqual(await json('down'), { stopped: false });
  await refuses(['purge'], /nothing was removed/, /purge --yes/);
  assert.equal((await json('purge', '--yes')).purged, dataDir);
  await refuses(['purge', '--yes'], /holds no cloud/);
});
