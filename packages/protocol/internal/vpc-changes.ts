// Owns how a VPC that somebody knows is brought up to date: what is small is sent whole, its ports only where they have
// changed. A change counts from one generation; who has another one needs the whole document.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InterfaceId, VpcId } from '@ironbark/core/ids.ts';
import type { PortIntent, VpcIntent } from './network-messages.ts';

/** Everything but the ports. */
export type VpcFrame = Omit<VpcIntent, 'ports'>;

export interface VpcChange {
  /** The generation that it counts from. */
  since: number;
  generation: number;
  frame: VpcFrame;
  /** New ones, and those that are different. */
  ports: PortIntent[];
  gone: InterfaceId[];
}

/** A VPC and the generation that it is of. */
export interface VersionedVpc {
  generation: number;
  intent: VpcIntent;
}

/** The known ports stay in their order, new ones follow. */
export function applyVpcChange(known: VpcIntent, { frame, ports, gone }: VpcChange): VpcIntent {
  if (ports.length + gone.length === 0) return { ...frame, ports: known.ports };
  const left = new Set<InterfaceId>(gone);
  const changed = new Map(ports.map((port) => [port.interfaceId, port]));
  const kept = known.ports.flatMap((port) => {
    const { interfaceId: id } = port;
    if (left.has(id)) return [];
    const now = changed.get(id) ?? port;
    changed.delete(id);
    return [now];
  });
  return { ...frame, ports: [...kept, ...changed.values()] };
}

/** The known VPC as it is now. Throws precondition-failed where another generation is known, or none. */
export function bringUpToDate(known: VersionedVpc | undefined, change: VpcChange): VersionedVpc {
  const { since, generation, frame } = change;
  if (known?.generation !== since) throw gap(frame.id, since, known?.generation);
  return { generation, intent: applyVpcChange(known.intent, change) };
}

function gap(id: VpcId, since: number, known: number | undefined): ServiceError {
  return new ServiceError({
    kind: 'precondition-failed',
    resource: 'vpc',
    message: `The change counts from generation ${since} of ${id}, and ${known ?? 'none'} is known.`,
  });
}

export interface VpcVersion {
  id: VpcId;
  generation: number;
}

/** What a document says of VPCs: some whole, of others what has changed. */
export interface VpcNews {
  vpcs: readonly VpcIntent[];
  /** Of those that are whole; absent: changes cannot be counted from them. */
  vpcVersions?: readonly VpcVersion[];
  vpcChanges?: readonly VpcChange[];
}

/** All VPCs that a document means, whole. Throws as {@link bringUpToDate}, and then nothing of it holds. */
export function wholeVpcs(
  known: Omit<VpcNews, 'vpcChanges'>,
  { vpcs, vpcVersions = [], vpcChanges = [] }: VpcNews,
): { vpcs: VpcIntent[]; vpcVersions: VpcVersion[] } {
  const before = new Map(known.vpcs.map((intent) => [intent.id, intent]));
  const versions = new Map(known.vpcVersions?.map(({ id, generation }) => [id, generation]));
  const changed = vpcChanges.map((change) => {
    const { id } = change.frame;
    const [intent, generation] = [before.get(id), versions.get(id)];
    const isKnown = intent !== undefined && generation !== undefined;
    return bringUpToDate(isKnown ? { generation, intent } : undefined, change);
  });
  const all = [...vpcs, ...changed.map(({ intent }) => intent)];
  const newer = changed.map(({ generation, intent }) => ({ id: intent.id, generation }));
  return {
    vpcs: all.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    vpcVersions: [...vpcVersions, ...newer],
  };
}
