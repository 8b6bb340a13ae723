// Measures our AoE target against Debian's vblade: the same initiator, wire and disk in the same run, frames of 17
// sectors, as ratios. The disk is a file that the page cache holds: the target is what is measured, not the disk.

import { systemClock } from '@ironbark/platform/clock.ts';
import type { AoeInitiator, Peer, Transfer } from '../support/aoe/aoe-initiator.ts';
import { AoeLab } from '../support/aoe/aoe-lab.ts';
import { type Figure, ratioFigure } from '../support/figures.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 256 * MIB;
const SECTORS = DISK_BYTES / 512;
/** Rounds in which each target has its turn; the median of their ratios counts. */
const ROUNDS = 5;
/** Both targets say that they take as many. */
const WINDOW = 64;
const READ_BAR = 2;
const WRITE_BAR = 0.75;

interface Rates {
  read: number;
  write: number;
  /** Single sectors, one at a time, a second. */
  single: number;
}

export async function measureAoe(): Promise<Figure[]> {
  const rounds: { ours: Rates; through: Rates; vblade: Rates }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const ours = await measureTarget('cache-on');
    const vblade = await measureTarget('vblade');
    rounds.push({ ours, vblade, through: await measureTarget('cache-off') });
  }
  for (const { ours, through, vblade } of rounds) {
    console.error(
      `ours ${render(ours)}; on stable storage when answered ${render(through)}; vblade ${render(vblade)}`,
    );
  }
  const ratios = (of: (round: (typeof rounds)[number]) => number) => rounds.map(of);
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
      'AoE write, ours to vblade’s',
      ratios((r) => r.ours.write / r.vblade.write),
    ),
    ratioFigure(
      'AoE write through to our read',
      ratios((r) => r.through.write / r.ours.read),
    ),
    ratioFigure(
      'AoE one sector at a time, ours to vblade’s',
      ratios((r) => r.ours.single / r.vblade.single),
    ),
  ];
}

function render({ read, write, single }: Rates): string {
  return `read ${Math.round(read)}, write ${Math.round(write)} MB/s, ${Math.round(single)} commands/s`;
}

async function measureTarget(kind: 'cache-on' | 'cache-off' | 'vblade'): Promise<Rates> {
  await using lab = await AoeLab.create({ sizeBytes: DISK_BYTES });
  if (kind === 'vblade') await lab.startVblade(WINDOW);
  else await lab.startTarget([lab.settings({ writeCache: kind === 'cache-on' ? 'on' : 'off' })]);
  const initiator = await lab.initiator();
  const peer = await lab.discover(initiator);
  // The first pass gives each sector its place on the disk and warms up both sides.
  rateOf(initiator, peer, 'write');
  const write = rateOf(initiator, peer, 'write');
  rateOf(initiator, peer, 'read');
  return { write, read: rateOf(initiator, peer, 'read'), single: singleRate(initiator, peer) };
}

/** Every sector is stamped, and a stamp of each frame is looked at. */
function rateOf(initiator: AoeInitiator, peer: Peer, kind: Transfer['kind']): number {
  const startedMs = systemClock.monotonicMs();
  initiator.transfer(peer, {
    kind,
    firstSector: 0,
    sectors: SECTORS,
    window: WINDOW,
    data: (sector, bytes) => {
      if (kind === 'write') bytes.writeUInt32LE(sector);
      else if (bytes.readUInt32LE() !== sector) throw new Error(`sector ${sector} is another one`);
    },
  });
  return DISK_BYTES / 1e3 / (systemClock.monotonicMs() - startedMs);
}

const SINGLE_SECTORS = 10_000;

function singleRate(initiator: AoeInitiator, peer: Peer): number {
  const startedMs = systemClock.monotonicMs();
  const place = { kind: 'read', firstSector: 0, sectors: SINGLE_SECTORS } as const;
  initiator.transfer(peer, { ...place, window: 1, sectorsPerFrame: 1 });
  return (SINGLE_SECTORS * 1e3) / (systemClock.monotonicMs() - startedMs);
}
