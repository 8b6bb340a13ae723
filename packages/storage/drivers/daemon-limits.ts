// Owns how a storage daemon holds hosts back: a filter on top of the graph with a group of its own. Points in time are
// read below it, and so is what is put aside for them.
//
//   export volume -> limited (throttle, group `limits`) -> disk (raw) -> ...

import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { type QmpClient, QmpError } from '@ironbark/platform/qmp.ts';
import { DISK_NODE } from './daemon-arguments.ts';

export const LIMITED_NODE = 'limited';
const GROUP = 'limits';
const GROUP_PATH = `/objects/${GROUP}`;

/** QEMU's ThrottleLimits, those that are used. All are always given: what is left out keeps its value. */
export interface ThrottleLimits {
  'iops-total': number;
  'iops-total-max': number;
  'iops-total-max-length': number;
  'bps-total': number;
  'bps-total-max': number;
  'bps-total-max-length': number;
  'iops-size': number;
}

/**
 * Without a burst QEMU lets a tenth of a second's worth pass at once. With one, `max` and `max-length` are a store as
 * EBS's credits are: filled at the lower rate, emptied at the higher one. A change fills it.
 */
export function renderThrottle(limits: VolumeLimits): ThrottleLimits {
  const { iops, bytesPerSecond, operationBytes, burst } = limits;
  const ofIops = burst?.of === 'iops' ? burst : undefined;
  const ofBytes = burst?.of === 'bytes' ? burst : undefined;
  return {
    'iops-total': iops,
    'iops-total-max': ofIops?.perSecond ?? 0,
    'iops-total-max-length': ofIops?.seconds ?? 1,
    'bps-total': bytesPerSecond,
    'bps-total-max': ofBytes?.perSecond ?? 0,
    'bps-total-max-length': ofBytes?.seconds ?? 1,
    'iops-size': operationBytes,
  };
}

export function parseThrottle(found: ThrottleLimits): VolumeLimits {
  const limits = {
    iops: found['iops-total'],
    bytesPerSecond: found['bps-total'],
    operationBytes: found['iops-size'],
  };
  const burst = parseBurst(found);
  return burst === undefined ? limits : { ...limits, burst };
}

function parseBurst(found: ThrottleLimits): VolumeLimits['burst'] {
  if (found['iops-total-max'] > 0) {
    const seconds = found['iops-total-max-length'];
    return { of: 'iops', perSecond: found['iops-total-max'], seconds };
  }
  if (found['bps-total-max'] === 0) return undefined;
  const seconds = found['bps-total-max-length'];
  return { of: 'bytes', perSecond: found['bps-total-max'], seconds };
}

/** Undefined when nothing is limited: a daemon of an earlier version, or one that was never told. */
export async function readLimits(qmp: QmpClient): Promise<VolumeLimits | undefined> {
  const asked = { path: GROUP_PATH, property: GROUP };
  try {
    return parseThrottle(await qmp.execute<ThrottleLimits>('qom-get', asked));
  } catch (error) {
    if (error instanceof QmpError && error.errorClass === 'DeviceNotFound') return undefined;
    throw error;
  }
}

/** Makes the filter with these limits, or changes those that it has. Whatever is exported already stays so. */
export async function ensureLimits(qmp: QmpClient, limits: VolumeLimits): Promise<void> {
  const value = renderThrottle(limits);
  if ((await readLimits(qmp)) !== undefined) {
    await qmp.execute('qom-set', { path: GROUP_PATH, property: GROUP, value });
  } else {
    await qmp.execute('object-add', { 'qom-type': 'throttle-group', id: GROUP, limits: value });
  }
  if (await hasLimiter(qmp)) return;
  await qmp.execute('blockdev-add', {
    driver: 'throttle',
    'node-name': LIMITED_NODE,
    'throttle-group': GROUP,
    file: DISK_NODE,
  });
}

/** What hosts are to be given: the filter where there is one. */
export async function topNode(qmp: QmpClient): Promise<string> {
  return (await hasLimiter(qmp)) ? LIMITED_NODE : DISK_NODE;
}

async function hasLimiter(qmp: QmpClient): Promise<boolean> {
  return (await listNodes(qmp)).some((node) => node['node-name'] === LIMITED_NODE);
}

/** How long the volume is to whoever opens it. */
export function readDiskSize(qmp: QmpClient): Promise<number | undefined> {
  return readNodeSize(qmp, DISK_NODE);
}

/** Undefined when there is no such node. */
export async function readNodeSize(qmp: QmpClient, name: string): Promise<number | undefined> {
  const found = (await listNodes(qmp)).find((node) => node['node-name'] === name);
  return found?.image?.['virtual-size'];
}

interface NodeFacts {
  'node-name'?: string;
  image?: { 'virtual-size': number };
}

function listNodes(qmp: QmpClient): Promise<NodeFacts[]> {
  return qmp.execute<NodeFacts[]>('query-named-block-nodes', { flat: true });
}
