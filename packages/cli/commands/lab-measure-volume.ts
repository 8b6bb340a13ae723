// Owns `ironbark lab measure vol-…`: a volume that no instance has, by the way by which an instance would have it.

import { access, constants } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { renderBytes } from '@ironbark/core/units.ts';
import {
  findData,
  measureVolume,
  type ServedVolume,
  unwrittenShare,
  type VolumePlan,
} from '@ironbark/lab/measure/measure-volume.ts';
import type { MeasuredVolume } from '@ironbark/storage/app/measured-volumes.ts';
import { exportSocketOf } from '@ironbark/storage/drivers/export-sockets.ts';
import type { CliContext } from '../context.ts';
import type { AdminApi } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { dataPaths } from '../daemon/paths.ts';
import { INTERRUPTED } from '../interrupts.ts';
import { watchHost } from '../measure-observer.ts';
import { type Measured, renderMeasured } from '../measure-report.ts';
import { Problem } from '../problem.ts';
import type { LabMeasureFlags } from './lab-measure.ts';

/** Several, so that one that is late does not end it. */
const RENEWALS_A_LEASE = 4;

export async function measureVolumeOnDemand(
  context: CliContext,
  id: VolumeId,
  flags: LabMeasureFlags,
): Promise<number> {
  const { terminal, dataDir, self } = context;
  const plan = planOf(context, id, flags);
  const daemon = await getDaemon(dataDir, self);
  const isElsewhere = await requireMeasurable(context, daemon, id);
  const interrupts = context.takeInterrupts();
  const load = loadavg()[0]!;
  const opened = await begin(context, daemon, id);
  await using lease = holdLease(context, daemon, id, opened);
  const signal = AbortSignal.any([interrupts, lease.signal]);
  const volume = await reach(context, id, opened, plan);
  if (plan.directions.includes('write') && flags.destroy !== true) {
    await terminal.step(`Looking at what ${id} holds`, () =>
      requireEmpty(context, id, { volume, plan, signal }),
    );
  }
  // Of a volume that is no file of this host's disk that disk says nothing.
  const watch = await watchHost(context, isElsewhere ? '/proc' : dataPaths(dataDir).storage);
  const outcome = await terminal.step('Measuring', (onProgress) =>
    measureVolume({
      ...{ commands: context.commands, clock: context.clock, volume, plan, signal },
      ...{ onProgress, watch },
      repeat: flags.repeat,
    }),
  );
  const unwritten = plan.directions.includes('read')
    ? await unwrittenShare({ commands: context.commands, volume, plan, signal }).catch(() => 0)
    : 0;
  const isCut = lease.signal.aborted || outcome.failure !== undefined;
  const lost = isCut ? await findLoss(daemon, id) : {};
  const measured: Measured = {
    ...{ format: 'ironbark-lab-measure/1', target: id, workload: plan.workload },
    ...(unwritten > 0 ? { unwrittenShare: unwritten } : {}),
    ...{ sizeBytes: plan.sizeBytes, repeat: flags.repeat, load: [load, loadavg()[0]!] },
    ...{ ...outcome, ...lost, isInterrupted: interrupts.aborted },
  };
  terminal.result(measured, () => renderMeasured(measured));
  if (measured.failure !== undefined) terminal.warn(`It could not go on: ${measured.failure}`);
  if (interrupts.aborted) return INTERRUPTED;
  const hasAll = outcome.rows.every(({ reason }) => reason === undefined);
  return hasAll && measured.failure === undefined ? 0 : 1;
}

function planOf({ self }: CliContext, id: VolumeId, flags: LabMeasureFlags): VolumePlan {
  const { workload, path, direction = 'read', size: sizeBytes, seconds } = flags;
  if (workload === 'hadoop' || workload === 'testdfsio') {
    throw new Problem(`${workload} works on files, and ${id} by itself has none`, [
      `--workload dd or fio, or attached: ${self} lab measure i-… --workload ${workload}`,
    ]);
  }
  if (path !== undefined) throw new Problem('--path has no place in a volume that nobody has');
  const directions = direction === 'both' ? (['write', 'read'] as const) : [direction];
  return { workload, directions, sizeBytes, seconds };
}

/** Whether its bytes are elsewhere. */
async function requireMeasurable(
  { self }: CliContext,
  daemon: AdminApi,
  id: VolumeId,
): Promise<boolean> {
  const { config } = await daemon.status();
  if (config.hypervisor === 'simulated') {
    throw new Problem(`${id} is simulated: there is nothing to measure`);
  }
  const volume = (await daemon.volumes()).find(({ volumeId }) => volumeId === id);
  if (volume === undefined) throw new Problem(`there is no volume ${id}`);
  const { instanceId, isElsewhere = false } = volume;
  if (instanceId === undefined) return isElsewhere;
  throw new Problem(`${instanceId} has ${id}: it is measured there`, [
    `${self} lab measure ${instanceId} --path /dev/disk/by-id/virtio-${id.replace('-', '')}`,
    `what its guest does with it anyway: ${self} lab explain ${id}`,
  ]);
}

async function begin(
  { self }: CliContext,
  daemon: AdminApi,
  id: VolumeId,
): Promise<MeasuredVolume> {
  try {
    return await daemon.beginVolumeMeasure({ id });
  } catch (error) {
    if (!isServiceError(error, 'incorrect-state')) throw error;
    throw new Problem(error.message, [`what it does now: ${self} volumes`]);
  }
}

interface Lease extends AsyncDisposable {
  /** Aborted when the daemon has given it up. */
  signal: AbortSignal;
}

/** Until it is disposed nobody else gets the volume; a command line that is killed renews no more. */
function holdLease(
  { clock }: CliContext,
  daemon: AdminApi,
  id: VolumeId,
  { leaseMs }: MeasuredVolume,
): Lease {
  const [lost, done] = [new AbortController(), new AbortController()];
  const renewing = (async () => {
    while (!done.signal.aborted) {
      await clock.sleep(leaseMs / RENEWALS_A_LEASE, done.signal);
      await daemon.renewVolumeMeasure({ id });
    }
  })().catch((error: unknown) => {
    if (!done.signal.aborted) lost.abort(error);
  });
  return {
    signal: lost.signal,
    [Symbol.asyncDispose]: async () => {
      done.abort();
      await renewing;
      if (!lost.signal.aborted) await daemon.endVolumeMeasure({ id });
    },
  };
}

/** What ends because the volume was closed under it does so before a renewal says why. */
async function findLoss(daemon: AdminApi, id: VolumeId): Promise<{ failure?: string }> {
  try {
    await daemon.renewVolumeMeasure({ id });
    return {};
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

async function reach(
  { dataDir, self }: CliContext,
  id: VolumeId,
  { opening, sizeBytes, limits }: MeasuredVolume,
  plan: VolumePlan,
): Promise<ServedVolume> {
  if (sizeBytes < plan.sizeBytes) {
    const has = `${id} has ${renderBytes(sizeBytes)}, and this takes ${renderBytes(plan.sizeBytes)}`;
    throw new Problem(has, ['a smaller --size']);
  }
  const socketPath = exportSocketOf(dataPaths(dataDir).storage)(id, opening);
  await access(socketPath, constants.R_OK | constants.W_OK).catch(() => {
    throw new Problem(`this user may not open ${id}`, [`sudo ${self} lab measure ${id}`]);
  });
  return { socketPath, exportName: id, ...(limits === undefined ? {} : { limits }) };
}

/** By what it holds. */
async function requireEmpty(
  { clock }: CliContext,
  id: VolumeId,
  { volume, plan, signal }: { volume: ServedVolume; plan: VolumePlan; signal: AbortSignal },
): Promise<void> {
  const found = await findData(volume, { sizeBytes: plan.sizeBytes, signal, clock });
  if (found === undefined) return;
  throw new Problem(
    `${id} is not written to: it holds data, the byte at ${found} is not zero. --destroy writes over it all the same`,
    ['without --direction it is only read'],
  );
}
