// Owns `ironbark volumes`: every volume, and what each does at the moment; and `ironbark metrics`, the same for programs.

import { renderBytes } from '@ironbark/core/units.ts';
import { figuresOf, type VolumeFigures } from '@ironbark/core/volume-figures.ts';
import type { CliContext } from '../context.ts';
import type { VolumeFacts } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { renderObjectMetrics } from '../daemon/object-metrics.ts';
import { renderVolumeMetrics } from '../daemon/volume-metrics.ts';
import { renderTable } from '../terminal.ts';

export type MeasuredVolume = VolumeFacts & { figures?: VolumeFigures };

export async function showVolumes(
  context: CliContext,
  { interval }: { interval: number },
): Promise<void> {
  const volumes = await measureVolumes(context, interval);
  context.terminal.result(volumes, () => renderVolumes(volumes, context.self));
}

/** Takes the interval only if a guest has one of them. */
export async function measureVolumes(
  { dataDir, self, clock }: CliContext,
  intervalSeconds: number,
): Promise<MeasuredVolume[]> {
  const daemon = await getDaemon(dataDir, self);
  const before = await daemon.volumes();
  const isAtWork = before.some(({ stats }) => stats !== undefined);
  if (isAtWork) await clock.sleep(intervalSeconds * 1_000);
  const after = isAtWork ? await daemon.volumes() : before;
  return after.map((volume) => measure(volume, before));
}

export async function showMetrics(context: CliContext): Promise<void> {
  const daemon = await getDaemon(context.dataDir, context.self);
  const volumes = await daemon.volumes();
  const objects = await daemon.objectCounts();
  context.terminal.result({ volumes, objects }, () =>
    `${renderVolumeMetrics(volumes)}${renderObjectMetrics(objects)}`.trimEnd(),
  );
}

function measure(volume: VolumeFacts, before: readonly VolumeFacts[]): MeasuredVolume {
  const earlier = before.find(
    ({ volumeId, instanceId }) => volumeId === volume.volumeId && instanceId === volume.instanceId,
  );
  if (volume.stats === undefined || earlier?.stats === undefined) return volume;
  const intervalSeconds = (volume.readAtMs! - earlier.readAtMs!) / 1_000;
  const { iops } = volume.limits;
  const figures = figuresOf(earlier.stats, volume.stats, { intervalSeconds, iops });
  return figures === undefined ? volume : { ...volume, figures };
}

const HEADINGS = ['VOLUME', 'STATE', 'SIZE', 'TYPE', 'ATTACHED TO', 'DRIVER'];
const RATE_HEADINGS = ['OPS/S', 'READ/S', 'WRITE/S'];
/** The paper's columns. */
const PAPER_HEADINGS = ['RQ-SZ', 'QU-SZ', 'UTIL', 'OF LIMIT', 'NOTE'];

function renderVolumes(volumes: readonly MeasuredVolume[], self: string): string {
  if (volumes.length === 0) return `No volumes. Make one: aws ec2 create-volume (${self} env)`;
  const rows = volumes.map((volume) => [
    volume.volumeId,
    volume.state,
    `${volume.sizeGib} GiB`,
    volume.volumeType,
    volume.instanceId === undefined ? '-' : `${volume.instanceId} ${volume.deviceName}`,
    renderDriver(volume),
    ...renderFigures(volume.figures),
    volume.reason ?? renderFill(volume),
  ]);
  return renderTable([...HEADINGS, ...RATE_HEADINGS, ...PAPER_HEADINGS], rows);
}

/** Whose driver reaches the volume, and over what. */
function renderDriver({ attachMode, transport }: MeasuredVolume): string {
  return attachMode === undefined ? '-' : `${attachMode}, ${transport}`;
}

function renderFill({ filledPercent }: MeasuredVolume): string {
  return filledPercent === undefined ? '' : `${filledPercent}% of it filled`;
}

function renderFigures(figures: VolumeFigures | undefined): string[] {
  if (figures === undefined) return ['-', '-', '-', '-', '-', '-', '-'];
  const { intervalSeconds } = figures;
  const ops = (figures.VolumeReadOps + figures.VolumeWriteOps) / intervalSeconds;
  const bytes = (count: number) => renderBytes(Math.round(count / intervalSeconds));
  return [
    ops.toFixed(0),
    bytes(figures.VolumeReadBytes),
    bytes(figures.VolumeWriteBytes),
    figures.averageRequestSectors.toFixed(0),
    figures.averageQueueDepth.toFixed(2),
    `${(100 * figures.utilisation).toFixed(0)}%`,
    `${(figures.VolumeThroughputPercentage ?? 0).toFixed(0)}%`,
  ];
}
