import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProcessIn, isAlive } from '@ironbark/platform/processes.ts';
import {
  BASE_UID,
  createDriverLab,
  isRoot,
  provisional,
  readConsoleUntil,
  waitForState,
  whyNoQemu,
} from '../../testing/driver-lab.ts';

const skip = await whyNoQemu();

describe('the QEMU driver', { skip, concurrency: 1 }, () => {
  let kvmUsable = false;
  before(async () => {
    await using lab = await createDriverLab();
    const fingerprint = await lab.driver.fingerprint();
    kvmUsable = fingerprint.accelerator === 'kvm';
  });

  test('the host is probed by running a guest, and the answer is kept', async () => {
    await using lab = await createDriverLab();
    const first = await lab.driver.fingerprint();
    assert.equal(first.hypervisor, 'qemu');
    assert.match(first.version, /^[0-9]+\./);
    assert.notEqual(first.reason, '');
    assert.equal(first.accelerator, kvmUsable ? 'kvm' : 'tcg');
    const again = lab.newDriver();
    const facts = join(lab.dataDir, 'host-facts.json');
    const written = await stat(facts, { bigint: true });
    assert.deepEqual(await again.fingerprint(), first);
    const { mtimeNs } = await stat(facts, { bigint: true });
    assert.equal(mtimeNs, written.mtimeNs, 'the second probe reads the first');
    const entries = await readdir(lab.dataDir);
    assert.deepEqual(entries, ['enclosure', 'host-facts.json']);
  });

  test('a guest boots, confined: own user, no capabilities, no new privileges, filtered', async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    const handle = await lab.driver.start(spec);
    await readConsoleUntil(lab.driver, handle, 'hello\n');
    assert.deepEqual(await lab.driver.inspect(handle), { state: 'running' });
    const status = await readFile(`/proc/${handle.pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1];
    assert.equal(field('NoNewPrivs'), '1');
    assert.equal(field('Seccomp'), '2');
    if (isRoot) {
      const uid = String(spec.uid);
      assert.equal(field('Uid'), [uid, uid, uid, uid].join('\t'));
      assert.equal(field('Gid'), [uid, uid, uid, uid].join('\t'));
      assert.equal(field('Groups')?.trim(), '');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        assert.equal(field(set), '0000000000000000', set);
      }
    }
    const environment = await readFile(`/proc/${handle.pid}/environ`, 'utf8');
    assert.deepEqual(
      environment.split('\0').map((entry) => entry.split('=')[0]),
      ['PATH', 'LC_ALL', ''],
    );
  });

  test('the root disk runs with the default profile, and its requests are counted', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    await readConsoleUntil(lab.driver, handle, 'hello');
    const [disk] = await lab.driver.listDisks(handle);
    assert.equal(disk?.serial, 'root');
    const { name, optimalIoBytes, iothread, queues, queueSize } = disk.profile;
    assert.deepEqual(
      { name, optimalIoBytes, iothread, queues, queueSize },
      { name: 'direct', optimalIoBytes: 2_097_152, iothread: true, queues: 1, queueSize: 256 },
    );
    const [stats] = await lab.driver.diskStats(handle);
    assert.equal(stats?.serial, 'root');
    assert.ok(stats.readOps >= 1 && stats.readBytes >= 512, 'the firmware read the boot sector');
  });

  test('a second start of the same guest gives the first one', async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    const handle = await lab.driver.start(spec);
    const second = await lab.newDriver().start(spec);
    assert.equal(second.pid, handle.pid);
    assert.equal(second.pidStartTicks, handle.pidStartTicks);
  });

  test('the power button ends a guest, its end is seen by the next daemon, and a reset boots it again', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    await readConsoleUntil(lab.driver, handle, 'hello');
    await lab.driver.requestShutdown(handle);
    // The daemon is away while the guest powers off.
    await lab.driver[Symbol.asyncDispose]();
    await using next = lab.newDriver();
    await waitForState(next, handle, 'gone');
    assert.deepEqual(await next.inspect(handle), { state: 'gone', reason: 'guest-shutdown' });
    await next.reset(handle);
    assert.deepEqual(await next.inspect(handle), { state: 'running' });
    await readConsoleUntil(next, handle, 'hello');
  });

  test('a guest outlives its daemon and is taken up again; a reused pid and a lost handle do not confuse', async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    const handle = await lab.driver.start(spec);
    await lab.driver[Symbol.asyncDispose]();
    await using next = lab.newDriver();
    assert.deepEqual(await next.recover(handle), handle);
    assert.deepEqual(await next.inspect(handle), { state: 'running' });
    const reused = { ...handle, pidStartTicks: handle.pidStartTicks - 1 };
    assert.equal(await next.recover(reused), undefined);
    const found = await next.recover(provisional(spec));
    assert.equal(found?.pid, handle.pid);
    const other = { ...provisional(spec), directory: lab.dataDir };
    assert.equal(await next.recover(other), undefined);
  });

  test('kill -9 of QEMU is noticed, and destroying what is gone succeeds', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const changes: string[] = [];
    lab.driver.onGuestChange((id) => changes.push(id));
    process.kill(handle.pid, 'SIGKILL');
    await waitForState(lab.driver, handle, 'gone');
    await waitFor(() => changes.includes(handle.id), {
      clock: systemClock,
      timeoutMs: 5_000,
      what: 'the listener hears of it',
    });
    assert.deepEqual(await lab.driver.inspect(handle), { state: 'gone', reason: 'crashed' });
    await lab.driver.destroy(handle);
    await lab.driver.destroy(handle);
  });

  test('destroy ends the process, also one whose handle was never written down', async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1, { greeting: 'hello', stubborn: true });
    const handle = await lab.driver.start(spec);
    await lab.newDriver().destroy(provisional(spec));
    const identity = { pid: handle.pid, startTicks: handle.pidStartTicks };
    assert.equal(await isAlive(identity), false);
    assert.equal(await findProcessIn(join(spec.directory, 'run')), undefined);
  });

  test('a guest that floods its console uses no disk, and the newest 64 KiB are there', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1, { greeting: 'hello', flood: true }));
    const written = async () => {
      const cpu = (await readFile(`/proc/${handle.pid}/stat`, 'utf8')).split(' ');
      return Number(cpu[13]) > 100;
    };
    await waitFor(written, { clock: systemClock, timeoutMs: 60_000, what: 'a second of flooding' });
    const newest = await lab.driver.drainConsole(handle);
    assert.ok(newest.length >= 64 * 1024, `${newest.length} bytes`);
    assert.ok(newest.length <= 128 * 1024, `${newest.length} bytes`);
    assert.equal(Buffer.from(newest.slice(-1_000)).toString('latin1'), 'x'.repeat(1_000));
    const log = await stat(join(handle.directory, 'qemu.log'));
    assert.equal(log.size, 0);
    assert.deepEqual(await readdir(join(handle.directory, 'run')), ['qmp.sock']);
  });

  test('a QEMU that does not answer is told from one that is gone', async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    const handle = await lab.driver.start(spec);
    await lab.driver[Symbol.asyncDispose]();
    process.kill(handle.pid, 'SIGSTOP');
    await using next = lab.newDriver({ qmpTimeoutMs: 200 });
    const startedMs = systemClock.monotonicMs();
    assert.deepEqual(await next.inspect(handle), { state: 'silent' });
    assert.ok(systemClock.monotonicMs() - startedMs < 20_000, 'it is not waited for');
    assert.deepEqual(
      (await next.recallDisks(handle)).map(({ serial }) => serial),
      ['root'],
    );
    process.kill(handle.pid, 'SIGCONT');
  });

  test("a socket that is not the guest's own is not spoken to", { skip: !isRoot }, async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    const path = join(spec.directory, 'run', 'qmp.sock');
    const impostor = createServer((socket) => socket.end('{"QMP": {}}\n'));
    await new Promise<void>((resolve) => impostor.listen(path, resolve));
    try {
      await assert.rejects(lab.driver.requestShutdown(provisional(spec)), /not its process's own/);
    } finally {
      await new Promise((resolve) => impostor.close(resolve));
    }
  });

  test('a tap is inherited open, so that the guest needs no right to open one', {
    skip: !isRoot,
  }, async () => {
    const name = `ibt${process.pid}`;
    const uid = String(BASE_UID + 2);
    await systemCommands.run('ip', ['tuntap', 'add', name, 'mode', 'tap', 'user', uid, 'vnet_hdr']);
    try {
      await systemCommands.run('ip', ['link', 'set', name, 'up']);
      await using lab = await createDriverLab();
      const port = {
        kind: 'tap',
        interfaceName: name,
        queues: 1,
        vhost: false,
        mtu: 1500,
      } as const;
      const nic = { id: 'eni-0123456789abcdef0', macAddress: '02:aa:00:00:00:05' } as const;
      const spec = await lab.prepare(1);
      const handle = await lab.driver.start({
        ...spec,
        nics: [{ ...nic, port, profile: PARAVIRTUAL }],
      });
      await readConsoleUntil(lab.driver, handle, 'hello');
      const { stdout } = await systemCommands.run('ip', ['-j', 'link', 'show', name]);
      const [link] = JSON.parse(stdout) as { flags: string[] }[];
      assert.ok(link?.flags.includes('LOWER_UP'), 'the guest holds its tap');
      await lab.driver.destroy(handle);
      const after = await systemCommands.run('ip', ['-j', 'link', 'show', name]);
      assert.ok(
        !(JSON.parse(after.stdout) as { flags: string[] }[])[0]?.flags.includes('LOWER_UP'),
      );
    } finally {
      await systemCommands.run('ip', ['link', 'del', name]);
    }
  });

  test('a guest that cannot start says why and leaves no process', async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    await rm(join(spec.directory, 'root.raw'));
    await assert.rejects(lab.driver.start(spec), (error: Error) => {
      assert.match(String((error.cause as Error).message), /root\.raw/);
      return true;
    });
    assert.equal(await findProcessIn(join(spec.directory, 'run')), undefined);
  });
});
