// Owns `npm run faults -- attach-loops`: volumes are attached and detached side by side for minutes, by force now and then,
// while steps fail, storage daemons are killed and the control plane dies. Real storage daemons, simulated guests.

import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { ControlPlane, ZONE } from '../../support/churn/control-plane.ts';
import { findLeftovers } from '../../support/churn/leftovers.ts';
import type { FaultShares } from '../../support/churn/planned-faults.ts';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { AttachLoop, emptyLoopTally, type LoopOptions, type LoopTally } from './attach-loop.ts';

const LOOPS = 16;
const INSTANCES = 8;
const MINUTES = 5;
/** Further volumes, each of which so many loops have at a time. */
const SHARED_VOLUMES = 2;
const SHARERS = 2;
const SHARES: FaultShares = { failure: 0.02, crash: 0.001, daemonKill: 0.002, objects: 0 };
const READY_MS = 120_000;
const SETTLE_MS = 120_000;
const LEFT_SHOWN = 10;
const FIRST_LETTER = 'f'.charCodeAt(0);

export const attachLoopsSuite: FaultSuite = ({ seed, count, minutes, explain }) =>
  loopAttachments({ seed, explain, loops: count ?? LOOPS, forMs: (minutes ?? MINUTES) * 60_000 });

export interface AttachLoopsOptions {
  seed: number;
  loops: number;
  forMs: number;
  explain: (line: string) => void;
}

export async function loopAttachments(options: AttachLoopsOptions): Promise<Figure[]> {
  const { seed, explain } = options;
  await using plane = await ControlPlane.start({ seed, shares: SHARES, explain });
  const tally = emptyLoopTally();
  const instanceIds = await runInstances(plane);
  const volumeIds = await createVolumes(plane, options.loops);
  const endMs = systemClock.monotonicMs() + options.forMs;
  const run = async (volumeId: string, at: number, sharing: Partial<LoopOptions> = {}) => {
    const random = seededRandom(seed * 100_000 + 100 * (sharing.sharer ?? 0) + at);
    const device = `/dev/sd${String.fromCharCode(FIRST_LETTER + at)}`;
    const own = { plane, random, volumeId, device, instanceIds, tally };
    const loop = new AttachLoop({ ...own, ...sharing });
    while (systemClock.monotonicMs() < endMs && (await loop.turn()));
  };
  const runAll = async (volumeId: string, at: number) => {
    if (at < options.loops) return await run(volumeId, at);
    const sharers = Array.from({ length: SHARERS }, (_, sharer) => {
      // No instance has a volume twice.
      const some = instanceIds.filter((_id, index) => index % SHARERS === sharer);
      return run(volumeId, at, { sharer, instanceIds: some });
    });
    await Promise.all(sharers);
  };
  await Promise.all(volumeIds.map(runAll));
  plane.calm();
  const left = await endAll(plane, { instanceIds, volumeIds });
  for (const each of [...tally.stuck, ...left].slice(0, LEFT_SHOWN)) explain(each);
  explain(
    `${tally.attachments} attachments, ${tally.forced} detached by force, ${tally.writes} writes; ${plane.crashes} deaths of the control plane, ${plane.daemonKills} of storage daemons`,
  );
  return judge(tally, options.loops, left);
}

async function runInstances(plane: ControlPlane): Promise<string[]> {
  const ImageId = await plane.ensureImage();
  const counts = { MinCount: INSTANCES, MaxCount: INSTANCES, ClientToken: 'churn' };
  const run = await plane.call('RunInstances', { ImageId, InstanceType: 't3.nano', ...counts });
  const ids = run!.Instances!.map(({ InstanceId }) => InstanceId!);
  await until('instances', READY_MS, async () => {
    const found = await plane.call('DescribeInstances', { InstanceIds: ids });
    const all = found!.Reservations!.flatMap(({ Instances = [] }) => Instances);
    return all.every(({ State }) => State?.Name === 'running');
  });
  return ids;
}

const SHARED = { Size: 4, VolumeType: 'io2', Iops: 4_000, MultiAttachEnabled: true } as const;

/** Those that are shared come last. */
async function createVolumes(plane: ControlPlane, count: number): Promise<string[]> {
  const make = async (at: number) => {
    const wish = { Size: 1, AvailabilityZone: ZONE, ClientToken: `churn-${at}` };
    const shared = at < count ? {} : SHARED;
    return (await plane.call('CreateVolume', { ...wish, ...shared }))!.VolumeId!;
  };
  const all = Array.from({ length: count + SHARED_VOLUMES }, (_, at) => make(at));
  const ids = await Promise.all(all);
  await until('volumes', READY_MS, async () => {
    const { Volumes = [] } = (await plane.call('DescribeVolumes', { VolumeIds: ids }))!;
    return Volumes.every(({ State }) => State === 'available');
  });
  return ids;
}

async function endAll(
  plane: ControlPlane,
  { instanceIds, volumeIds }: { instanceIds: string[]; volumeIds: string[] },
): Promise<string[]> {
  // Those of loops that got stuck go with their instance.
  await plane.call('TerminateInstances', { InstanceIds: instanceIds });
  const remove = async (VolumeId: string) => {
    const isAsked = () =>
      plane.call('DeleteVolume', { VolumeId }, /NotFound/).then(
        () => true,
        () => false,
      );
    await until(`${VolumeId} free`, SETTLE_MS, isAsked);
  };
  await Promise.allSettled(volumeIds.map(remove));
  const isEmpty = async () => (await findLeftovers(plane.paths)).length === 0;
  await until('nothing left', SETTLE_MS, isEmpty).catch(() => {});
  await plane.end();
  return await findLeftovers(plane.paths);
}

function until(what: string, timeoutMs: number, probe: () => Promise<boolean>): Promise<boolean> {
  return waitFor(probe, { clock: systemClock, timeoutMs, intervalMs: 250, what });
}

function judge(tally: LoopTally, loops: number, left: readonly string[]): Figure[] {
  const { attachments, forced } = tally;
  return [
    { name: 'attached and detached', value: attachments, bar: loops, ok: attachments >= loops },
    { name: 'of them by force', value: forced, bar: 1, ok: forced >= 1 },
    zeroFigure('acknowledged writes lost', tally.lost),
    zeroFigure('writes that were taken after the volume was free', tally.late),
    zeroFigure('stuck', tally.stuck.length),
    zeroFigure('rows, files, sockets, processes and objects left', left.length),
  ];
}
