// Measures our AoE target against Debian's vblade: the same initiator, wire and disk in the same run, frames of 17
// sectors, as ratios. The disk is a file that the page cache holds: the target is what is measured, not the disk.

import { readFile } from 'node:fs/promises';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { AoeInitiator, Peer, Transfer } from '../support/aoe/aoe-initiator.ts';
import { AoeLab } from '../support/aoe/aoe-lab.ts';
import { type Figure, ratioFigure } from '../support/figures.ts';

const DISK_BYTES = 256 * MIB;
const SECTORS = DISK_BYTES / 512;
/** Rounds in which each target has its turn; the median of their ratios counts. */
const ROUNDS = 3;
const READ_PASSES = 3;
/** Both targets say that they take as many at a time. */
const WINDOW = 64;
/** With a sync for each answer: less, since it takes long. */
const THROUGH_SECTORS = SECTORS / 32;
const READ_BAR = 2;
const WRITE_BAR = 0.75;

interface Rates {
  /** Megabytes a second. */
  read: number;
  write: number;
  /** Microseconds of a processor for each frame that is read. */
  targetUs: number;
  initiatorUs: number;
  /** Single sectors, one at a time, a second. */
  single: number;
}

interface Round {
  ours: Rates;
  vblade: Rates;
  oursThrough: number;
  vbladeThrough: number;
}

export async function measureAoe(): Promise<Figure[]> {
  await requireVblade();
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { ours, vblade } = await measureBoth(round % 2 === 0);
    const oursThrough = await measureThrough((lab) => lab.startTarget());
    const vbladeThrough = await measureThrough((lab) => lab.startVblade({ isSync: true }));
    rounds.push({ ours, vblade, oursThrough, vbladeThrough });
    console.error(`ours ${render(ours)}; vblade ${render(vblade)}`);
  }
  const ratios = (of: (round: Round) => number) => rounds.map(of);
  return [
    ratioFigure(
      'AoE read, ours to vblade’s',
      ratios((r) => r.ours.read / r.vblade.read),
      READ_BAR,
    ),
    ratioFigure(
      'AoE write to our read',
      ratios((r) => r.ours.write / r.ours.read),
      WRITE_BAR,
    ),
    ratioFigure(
      'write, ours to vblade’s',
      ratios((r) => r.ours.write / r.vblade.write),
    ),
    ratioFigure(
      'write to stable storage, ours to vblade’s',
      ratios((r) => r.oursThrough / r.vbladeThrough),
    ),
    ratioFigure(
      'read for each CPU second, ours to vblade’s',
      ratios((r) => r.vblade.targetUs / r.ours.targetUs),
    ),
    ratioFigure(
      'one sector at a time, ours to vblade’s',
      ratios((r) => r.ours.single / r.vblade.single),
    ),
  ];
}

/** Who is measured first changes from round to round. */
async function measureBoth(isOursFirst: boolean): Promise<Pick<Round, 'ours' | 'vblade'>> {
  if (isOursFirst) {
    const ours = await measureTarget(startOurs);
    return { ours, vblade: await measureTarget(startVblade) };
  }
  const vblade = await measureTarget(startVblade);
  return { ours: await measureTarget(startOurs), vblade };
}

async function requireVblade(): Promise<void> {
  // Without arguments it says how it is used.
  const isThere = await systemCommands.run('vblade', [], { allowExitCodes: [0, 1] }).then(
    () => true,
    () => false,
  );
  if (!isThere)
    throw new Error('vblade is missing, which ours is compared with: apt-get install vblade');
}

type StartTarget = (lab: AoeLab) => Promise<number>;
const startOurs: StartTarget = (lab) => lab.startTarget([lab.settings({ writeCache: 'on' })]);
const startVblade: StartTarget = (lab) => lab.startVblade();

function render({ read, write, targetUs, initiatorUs, single }: Rates): string {
  const [r, w, s] = [read, write, single].map(Math.round);
  const [target, initiator] = [targetUs.toFixed(1), initiatorUs.toFixed(1)];
  const cpu = `${target} us of a processor a frame, the initiator ${initiator}`;
  return `read ${r} MB/s (${cpu}), write ${w} MB/s, ${s} single commands/s`;
}

async function measureTarget(start: StartTarget): Promise<Rates> {
  await using lab = await AoeLab.create({ sizeBytes: DISK_BYTES });
  const pid = await start(lab);
  const initiator = await lab.initiator();
  const peer = await lab.discover(initiator);
  // The first pass gives each sector its place on the disk, and warms up both sides.
  rateOf(initiator, peer, 'write');
  const write = rateOf(initiator, peer, 'write');
  rateOf(initiator, peer, 'read');
  const before = [await readCpuSeconds(pid), await readCpuSeconds(process.pid)] as const;
  const reads = Array.from({ length: READ_PASSES }, () => rateOf(initiator, peer, 'read'));
  const frames = READ_PASSES * Math.ceil(SECTORS / peer.maxSectors);
  const usOf = async (of: number, sinceS: number) =>
    (((await readCpuSeconds(of)) - sinceS) * 1e6) / frames;
  const targetUs = await usOf(pid, before[0]);
  const initiatorUs = await usOf(process.pid, before[1]);
  return {
    write,
    read: reads.toSorted((a, b) => a - b)[Math.floor(READ_PASSES / 2)]!,
    ...{ targetUs, initiatorUs },
    single: singleRate(initiator, peer),
  };
}

/** Megabytes a second that are on stable storage when they are answered. */
async function measureThrough(start: StartTarget): Promise<number> {
  await using lab = await AoeLab.create({ sizeBytes: DISK_BYTES });
  await start(lab);
  const initiator = await lab.initiator();
  const peer = await lab.discover(initiator);
  rateOf(initiator, peer, 'write', THROUGH_SECTORS);
  return rateOf(initiator, peer, 'write', THROUGH_SECTORS);
}

/** In /proc/<pid>/stat, from the state on: user and system time in hundredths of a second (proc(5)). */
const CPU_FIELDS = [11, 12] as const;

async function readCpuSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return CPU_FIELDS.reduce((sum, field) => sum + Number(fields[field]) / 100, 0);
}

/** Every sector is stamped, and a stamp of each frame is looked at. */
function rateOf(
  initiator: AoeInitiator,
  peer: Peer,
  kind: Transfer['kind'],
  sectors = SECTORS,
): number {
  const startedMs = systemClock.monotonicMs();
  initiator.transfer(peer, {
    kind,
    firstSector: 0,
    sectors,
    window: WINDOW,
    data: (sector, bytes) => {
      if (kind === 'write') bytes.writeUInt32LE(sector);
      else if (bytes.readUInt32LE() !== sector) throw new Error(`sector ${sector} is another one`);
    },
  });
  return (sectors * 512) / 1e3 / (systemClock.monotonicMs() - startedMs);
}

const SINGLE_SECTORS = 10_000;

function singleRate(initiator: AoeInitiator, peer: Peer): number {
  const startedMs = systemClock.monotonicMs();
  const place = { kind: 'read', firstSector: 0, sectors: SINGLE_SECTORS } as const;
  initiator.transfer(peer, { ...place, window: 1, sectorsPerFrame: 1 });
  return (SINGLE_SECTORS * 1e3) / (systemClock.monotonicMs() - startedMs);
}
