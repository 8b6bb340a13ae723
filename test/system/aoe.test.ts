// Our AoE target on a real wire between name spaces, asked by an initiator in user space: what it answers, what it does
// not, and what of it is on the disk when it says so.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { serveVolume } from '@ironbark/node/testing/block-target.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { grantSocketAccess, linkSocket } from '@ironbark/platform/sockets.ts';
import { ATA, DATA_OFFSET, parseAtaEnd, renderAta } from '@ironbark/protocol/aoe/ata.ts';
import { CONFIG, parseConfig, renderConfigQuestion } from '@ironbark/protocol/aoe/config-string.ts';
import { COMMAND, ERROR, ETHERTYPE_AOE } from '@ironbark/protocol/aoe/frame.ts';
import { RESERVE, renderReserve } from '@ironbark/protocol/aoe/mac-lists.ts';
import { closeExport, openExports } from '@ironbark/storage/drivers/aoe/control-client.ts';
import type { ExportSettings } from '@ironbark/storage/drivers/aoe/export-settings.ts';
import { findAoeTarget } from '@ironbark/storage/drivers/aoe/target-process.ts';
import type { AoeInitiator, Peer } from '../support/aoe/aoe-initiator.ts';
import { AoeLab } from '../support/aoe/aoe-lab.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: packet sockets and name spaces need root';
const SECTORS = (4 * MIB) / 512;

let lab: AoeLab;
let initiator: AoeInitiator;

before(async () => {
  if (skip !== false) return;
  lab = await AoeLab.create({ sizeBytes: MIB, ends: ['target', 'initiator', 'stranger'] });
  initiator = await lab.initiator();
  await lab.startTarget([]);
});
after(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** A disk that no other test has used, and nothing else served. */
async function serveDisk(
  slot: number,
  sizeBytes = MIB,
): Promise<{ settings: ExportSettings; peer: Peer }> {
  const settings = lab.settings({ slot, path: `disk-${slot}` });
  await lab.makeDisk(settings.path, sizeBytes);
  await lab.serve([settings]);
  return { settings, peer: await lab.discover(initiator) };
}

async function checkContents(on: AoeLab, asker: AoeInitiator, path: string): Promise<void> {
  const peer = await on.discover(asker);
  const contents = randomBytes(4 * MIB);
  const place = { firstSector: 0, sectors: SECTORS };
  const write = (sector: number, bytes: Buffer) => contents.copy(bytes, 0, sector * 512);
  asker.transfer(peer, { kind: 'write', ...place, data: write });
  const read = (sector: number, bytes: Buffer) =>
    assert.ok(contents.subarray(sector * 512, sector * 512 + bytes.length).equals(bytes));
  asker.transfer(peer, { kind: 'read', ...place, data: read });
  assert.ok((await readFile(join(on.host.folder, path))).equals(contents));
}

test('a disk is found and keeps what is written, 17 sectors a frame', { skip }, async () => {
  const { settings, peer } = await serveDisk(1, 4 * MIB);
  assert.equal(peer.maxSectors, 17);
  const { sectors, serial } = initiator.identify(peer);
  assert.deepEqual([sectors, serial], [SECTORS, 'vol0123456789abcdef0']);
  await checkContents(lab, initiator, settings.path);
});

test('a disk is found and keeps what is written, 2 sectors a frame', { skip }, async () => {
  await using narrow = await AoeLab.create({ sizeBytes: 4 * MIB, mtuBytes: 1_500 });
  await narrow.startTarget();
  const asker = await narrow.initiator();
  assert.equal((await narrow.discover(asker)).maxSectors, 2);
  await checkContents(narrow, asker, 'disk');
});

test('it runs with no capability, as a user of its own, and sees nothing but its folder', {
  skip,
}, async () => {
  const { pid } = (await findAoeTarget(lab.host))!;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'));
  }
  assert.match(status, new RegExp(`^Uid:\\s+${lab.host.uid}\\s`, 'm'));
  assert.match(status, /^NoNewPrivs:\s+1$/m);
  const seen = (path: string) => readdir(`/proc/${pid}/root/${path}`);
  assert.deepEqual(await seen('etc'), ['ld.so.cache']);
  // Its program lies where it lies outside, with nothing beside it.
  const way = import.meta.filename.split('/').slice(1, -3);
  const used = [way[0], process.execPath.split('/')[1]];
  const folders = ['home', 'root', 'sys', 'tmp', 'var'].filter((name) => !used.includes(name));
  assert.ok(!(await seen('')).some((name) => folders.includes(name)));
  const inProject = await seen(way.join('/'));
  assert.ok(!inProject.includes('test') && !inProject.includes('.git'), inProject.join(' '));
});

test('frames that are wrong are answered with an error or counted, and never lead outside', {
  skip,
}, async () => {
  const { settings, peer } = await serveDisk(2);
  const last = MIB / 512 - 1;
  const fault = (lba: number, count: number) =>
    initiator.ata(peer, { command: ATA.readSectorsExt, lba, count });
  assert.equal(fault(last, 1).end.ok, true);
  assert.deepEqual([fault(last, 2).end.ok, fault(2 ** 48 - 1, 1).end.fault], [false, 0x10]);
  assert.equal(fault(0, 18).header.error, ERROR.badArgument);
  const short = initiator.ata(peer, {
    command: ATA.writeSectorsExt,
    count: 4,
    data: Buffer.alloc(512),
  });
  assert.equal(short.header.error, ERROR.badArgument);
  assert.equal(initiator.ask(peer, 9, () => DATA_OFFSET)?.header.error, ERROR.unknownCommand);
  for (let round = 0; round < 500; round += 1) initiator.sendRaw(noise(peer, initiator, round));
  const { counters } = await waitFor(
    async () => {
      const status = await lab.serve([settings]);
      return status.exports[0]!.counters.frames >= 100 && status;
    },
    { clock: systemClock, timeoutMs: 10_000, what: 'the noise has been heard' },
  );
  assert.ok(counters.responses > 0 && counters.unknownAddress > 0);
  assert.equal(initiator.identify(peer).sectors, MIB / 512);
});

/** Right enough to be looked at, wrong somewhere. */
function noise(peer: Peer, initiator: AoeInitiator, round: number): Buffer {
  const bytes = randomBytes(24 + (round % 80));
  bytes.writeUIntBE(peer.mac, 0, 6);
  bytes.writeUIntBE(initiator.mac, 6, 6);
  bytes.writeUInt16BE(ETHERTYPE_AOE, 12);
  bytes[14] = 0x10 | (round % 3 === 0 ? 8 : 0);
  if (round % 2 === 0) {
    bytes.writeUInt16BE(peer.shelf, 16);
    bytes[18] = peer.slot;
    bytes[19] = 1 + (round % 3);
  }
  return bytes;
}

test('who is not admitted gets no answer, and is admitted and shut out while the target runs', {
  skip,
}, async () => {
  const { settings, peer } = await serveDisk(3);
  const stranger = await lab.initiator('stranger');
  await lab.serve([{ ...settings, admits: [initiator.mac] }]);
  assert.deepEqual(stranger.discover(), []);
  const ask = (asker: AoeInitiator, attempts?: number) => {
    const fill = (frame: Buffer) => frame.fill(0, 24, DATA_OFFSET) && DATA_OFFSET;
    return asker.ask(peer, COMMAND.ata, fill, attempts);
  };
  assert.notEqual(ask(initiator), undefined);
  assert.equal(ask(stranger, 2), undefined);
  await lab.serve([{ ...settings, admits: [stranger.mac] }]);
  assert.equal(ask(initiator, 2), undefined);
  assert.notEqual(ask(stranger), undefined);
  const { exports, counters } = await lab.serve([]);
  assert.deepEqual(exports, []);
  assert.ok(counters.refused >= 4);
  assert.equal(ask(stranger, 2), undefined);
});

test('who had a disk that was taken away is told so, and nobody else', { skip }, async () => {
  const stranger = await lab.initiator('stranger');
  const { settings, peer } = await serveDisk(6);
  await lab.serve([{ ...settings, admits: [initiator.mac] }]);
  const read = (asker: AoeInitiator, attempts: number) =>
    asker.ask(
      peer,
      COMMAND.ata,
      (frame) => {
        const command = { command: ATA.readSectorsExt, feature: 0, count: 1, lba: 0 };
        renderAta(frame, { ...command, isExtended: true, isWrite: false });
        return DATA_OFFSET;
      },
      attempts,
    );
  assert.ok(parseAtaEnd(read(initiator, 5)!.frame)?.ok);
  const { exports, revoked } = await closeExport(lab.host, settings, 'revoke');
  assert.deepEqual([exports, revoked], [[], 1]);
  assert.equal(parseAtaEnd(read(initiator, 5)!.frame)?.ok, false);
  assert.equal(read(stranger, 2), undefined);
  await openExports(lab.host, [{ ...settings, admits: [stranger.mac] }]);
  assert.ok(parseAtaEnd(read(stranger, 5)!.frame)?.ok);
  assert.equal(read(initiator, 2), undefined);
});

test('commands for a volume wait while its storage daemon is away', { skip }, async () => {
  const folder = join(lab.folder, 'daemon');
  await mkdir(folder);
  const path = 'volume.sock';
  const serve = async () => {
    const served = await serveVolume(folder);
    await grantSocketAccess(served.source.socketPath, { uid: lab.host.uid!, mode: 0o600 });
    await linkSocket(served.source.socketPath, join(lab.host.folder, path));
    return served;
  };
  const first = await serve();
  const settings = lab.settings({ slot: 8, path, exportName: 'v' });
  await lab.serve([settings]);
  const peer = await lab.discover(initiator);
  const data = Buffer.alloc(512, 9);
  const write = { command: ATA.writeSectorsExt, lba: 3, data };
  assert.ok(initiator.ata(peer, write).end.ok);
  first[Symbol.dispose]();
  const isAway = async () => (await lab.status()).exports[0]?.isAway;
  await waitFor(isAway, { clock: systemClock, timeoutMs: 5_000, what: 'its end' });
  const flush = (frame: Buffer) => {
    const command = { command: ATA.flushCacheExt, feature: 0, count: 0, lba: 0 };
    renderAta(frame, { ...command, isExtended: true, isWrite: false });
    return DATA_OFFSET;
  };
  assert.equal(initiator.ask(peer, COMMAND.ata, flush, 2), undefined);
  await rm(first.source.socketPath);
  using _second = await serve();
  assert.ok(initiator.ata(peer, write).end.ok);
  assert.ok(initiator.flush(peer));
  const written = await readFile(first.file);
  assert.ok(written.subarray(3 * 512, 4 * 512).equals(data));
  assert.equal((await lab.status()).exports[0]!.counters.faults, 0);
});

test('what users leave on a disk is there after the target was killed', { skip }, async () => {
  const { settings, peer } = await serveDisk(4);
  const { pid } = (await findAoeTarget(lab.host))!;
  const config = (command: number, text: string) =>
    initiator.ask(peer, COMMAND.config, (frame) =>
      renderConfigQuestion(frame, command, Buffer.from(text)),
    )!;
  assert.equal(config(CONFIG.set, 'mine').header.error, 0);
  const reserve = (list: number[]) =>
    initiator.ask(peer, COMMAND.reserve, (frame) => {
      frame[24] = RESERVE.set;
      return renderReserve(frame, list);
    })!;
  assert.equal(reserve([initiator.mac + 1]).header.error, 0);
  process.kill(pid, 'SIGKILL');
  await waitFor(async () => (await findAoeTarget(lab.host)) === undefined, {
    clock: systemClock,
    timeoutMs: 5_000,
    what: 'its end',
  });
  await lab.startTarget([settings]);
  assert.equal(config(CONFIG.set, 'yours').header.error, ERROR.configPresent);
  assert.equal(String(parseConfig(config(CONFIG.read, '').frame)?.text), 'mine');
  const identify = initiator.ata(peer, { command: ATA.identify });
  assert.equal(identify.header.error, ERROR.reserved);
  assert.equal(reserve([]).header.error, ERROR.reserved, 'only its holders let go of it');
});

test('a flush reaches the disk, and without a write cache so does each write', {
  skip,
}, async () => {
  const { peer } = await serveDisk(5);
  const { pid } = (await findAoeTarget(lab.host))!;
  assert.equal(initiator.identify(peer).isWriteCacheOn, false);
  const write = () =>
    initiator.ata(peer, { command: ATA.writeSectorsExt, lba: 5, data: Buffer.alloc(512, 7) });
  const calls = await traceDisk(pid, () => {
    assert.ok(write().end.ok);
    assert.ok(initiator.ata(peer, { command: ATA.setFeatures, feature: 0x02 }).end.ok);
    assert.ok(write().end.ok);
    assert.ok(initiator.flush(peer));
  });
  assert.equal(initiator.identify(peer).isWriteCacheOn, true);
  // The folder's own file, in which the choice is kept, is synced by fsync.
  assert.deepEqual(calls, ['pwritev', 'fdatasync', 'pwritev', 'fdatasync']);
});

/** The calls that change the disk or make it durable, in their order. */
async function traceDisk(pid: number, work: () => void): Promise<string[]> {
  const log = join(lab.folder, 'trace');
  const args = ['-f', '-e', 'trace=pwritev,fdatasync', '-o', log, '-p', `${pid}`];
  const { pid: tracer } = await systemCommands.startDetached('strace', args, {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const isTraced = async () =>
    !/^TracerPid:\s+0$/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  await waitFor(isTraced, { clock: systemClock, timeoutMs: 10_000, what: 'strace' });
  work();
  process.kill(tracer, 'SIGINT');
  await waitFor(async () => !(await isTraced()), {
    clock: systemClock,
    timeoutMs: 10_000,
    what: 'its end',
  });
  const lines = (await readFile(log, 'utf8')).split('\n');
  return lines.flatMap((line) => /^\d+ +(pwritev|fdatasync)\(/.exec(line)?.[1] ?? []);
}
