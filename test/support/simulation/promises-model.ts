// Owns the second, simple cloud: what the acknowledged calls promise, in maps, without a reconciler anywhere.

import { GIB } from '@ironbark/core/units.ts';
import type { Found } from './found.ts';
import type { Row } from './memory-databases.ts';

export interface PromisedInstance {
  power: 'running' | 'stopped' | 'terminated';
  /** Volumes that were made with it and go with it. */
  ownVolumes: number;
}

export interface PromisedVolume {
  sizeGib: number;
  /** Several instances may have it. */
  isShared: boolean;
  attachedTo: Set<string>;
}

export class PromisesModel {
  readonly instances = new Map<string, PromisedInstance>();
  /** Volumes that were made on their own, and the instances that each is attached to. */
  readonly volumes = new Map<string, PromisedVolume>();
  readonly snapshots = new Set<string>();
  /** CreateSnapshot has no token: a call whose answer was lost may have made one that nobody knows. */
  readonly unsureSnapshots = new Set<string>();
  acknowledged = 0;

  launch(ids: readonly string[], ownVolumes: number): void {
    for (const id of ids) this.instances.set(id, { power: 'running', ownVolumes });
  }

  power(id: string, power: PromisedInstance['power']): void {
    const instance = this.instances.get(id)!;
    if (instance.power !== 'terminated') instance.power = power;
    if (power !== 'terminated') return;
    for (const volume of this.volumes.values()) volume.attachedTo.delete(id);
  }

  /** The cloud said itself that it could not start it; what it then wants is its own word. */
  excuse(row: Row): void {
    const power = row['desired_power'] as PromisedInstance['power'];
    if (power !== 'running') this.power(row['id'] as string, power);
  }
}

/** Reasons by which the cloud takes back a launch or a start. */
const EXCUSED = new Set(['Server.InsufficientInstanceCapacity', 'Server.InternalError']);

/** Takes over what the cloud says it could not do; answers how often. */
export function applyExcuses(model: PromisesModel, found: Found): number {
  const excused = found.rows.instance.filter((row) =>
    EXCUSED.has(String(row['state_reason_code'])),
  );
  for (const row of excused) if (model.instances.has(String(row['id']))) model.excuse(row);
  return excused.length;
}

/** Every difference between what was promised and what there is; one sentence each. */
export function compareWithModel(model: PromisesModel, found: Found): string[] {
  return [
    ...compareInstances(model, found),
    ...compareVolumes(model, found),
    ...compareSnapshots(model, found),
  ];
}

function compareInstances(model: PromisesModel, found: Found): string[] {
  const rows = new Map(found.rows.instance.map((row) => [row['id'], row]));
  const differences = [...rows.keys()]
    .filter((id) => !model.instances.has(String(id)))
    .map((id) => `nobody asked for ${id}`);
  for (const [id, promised] of model.instances) {
    const row = rows.get(id);
    if (row === undefined && promised.power !== 'terminated') differences.push(`${id} is lost`);
    if (row === undefined) continue;
    differences.push(...compareInstance(id, promised, row, found));
  }
  return differences;
}

function compareInstance(id: string, promised: PromisedInstance, row: Row, found: Found): string[] {
  const differences: string[] = [];
  const say = (sentence: string) =>
    differences.push(`${id} is to be ${promised.power}: ${sentence}`);
  if (row['desired_power'] !== promised.power) say(`wanted ${row['desired_power']}`);
  const guest = found.guests.find((one) => one.id === id);
  const isUp = guest?.power === 'running';
  if (isUp !== (promised.power === 'running')) say(`its guest is ${guest?.power ?? 'not there'}`);
  if (promised.power !== 'running' && guest !== undefined) say('it has a guest');
  const attached = found.rows.attachment.filter((one) => one['instance_id'] === id);
  const plugged = attached.filter((one) => guest?.volumes.includes(String(one['volume_id'])));
  if (isUp && plugged.length !== attached.length) say('its guest lacks volumes');
  const own = attached.filter((one) => one['delete_on_termination'] === 1);
  const owned = promised.power === 'terminated' ? 0 : promised.ownVolumes;
  if (own.length !== owned) say(`${own.length} of ${owned} own volumes are attached`);
  const reached = Number(row['observed_generation']) >= Number(row['generation']);
  if (promised.power === 'terminated' && row['forgotten_at'] === null) say('not forgotten');
  const isObserved = reached || promised.power === 'terminated' || row['node_id'] === null;
  if (!isObserved) say('its node has not got there');
  return differences;
}

function compareVolumes(model: PromisesModel, found: Found): string[] {
  const { rows, stored } = found;
  const known = new Map(rows.volume.map((row) => [row['id'], row]));
  const attachments = Map.groupBy(rows.attachment, (row) => row['volume_id']);
  const holdersOf = (id: unknown) =>
    (attachments.get(id as string) ?? []).map((row) => String(row['instance_id']));
  const differences: string[] = [];
  for (const [id, { attachedTo, sizeGib }] of model.volumes) {
    differences.push(...compareSizes(id, sizeGib, found));
    const row = known.get(id);
    if (row === undefined || row['desired'] !== 'present') differences.push(`${id} is lost`);
    if (row !== undefined && row['observed_state'] !== 'ready') {
      differences.push(`${id} is ${row['observed_state']}, not ready`);
    }
    const [where, promised] = [holdersOf(id).sort().join(), [...attachedTo].sort().join()];
    if (where !== promised) differences.push(`${id} is attached to ${where}, not ${promised}`);
  }
  for (const id of known.keys()) {
    const isOwn = attachments.get(id)?.some((row) => row['delete_on_termination'] === 1);
    if (!isOwn && !model.volumes.has(String(id))) differences.push(`nobody asked for ${id}`);
  }
  for (const row of stored.volume) {
    const isOpen = row['exported_to'] !== null;
    if (isOpen && !attachments.has(row['id']!)) differences.push(`${row['id']} is open for nobody`);
    const strangers = listOpenings(row).filter((one) => !holdersOf(row['id']).includes(one));
    differences.push(...strangers.map((one) => `${row['id']} is open for ${one}`));
  }
  return differences;
}

/** Instances that each have an opening of their own. */
function listOpenings(row: Row): string[] {
  const openings = JSON.parse(String(row['opened_to'] ?? '[]')) as { instanceId: string }[];
  return openings.map(({ instanceId }) => instanceId);
}

/** Of the cloud, the storage, and the guests that have it. */
function compareSizes(id: string, sizeGib: number, { rows, stored, guests }: Found): string[] {
  const own = rows.volume.find((row) => row['id'] === id)?.['size_gib'];
  const kept = Number(stored.volume.find((row) => row['id'] === id)?.['size_bytes']) / GIB;
  const seen = guests.flatMap(({ sizes }) => (sizes[id] === undefined ? [] : sizes[id] / GIB));
  const wrong = [own, kept, ...seen].filter((size) => size !== sizeGib);
  return wrong.map((size) => `${id} has ${size} GiB, not ${sizeGib}`);
}

function compareSnapshots(model: PromisesModel, { rows }: Found): string[] {
  const known = new Map(rows.snapshot.map((row) => [row['id'], row]));
  const lost = [...model.snapshots].filter((id) => known.get(id)?.['desired'] !== 'present');
  const pending = rows.snapshot.filter(
    (row) => row['desired'] === 'present' && row['observed_state'] === 'pending',
  );
  const strange = rows.snapshot.filter(
    (row) =>
      !model.snapshots.has(String(row['id'])) &&
      !model.unsureSnapshots.has(String(row['description'])),
  );
  return [
    ...lost.map((id) => `${id} is lost`),
    ...pending.map((row) => `${row['id']} is still pending`),
    ...strange.map((row) => `nobody asked for ${row['id']}`),
  ];
}
