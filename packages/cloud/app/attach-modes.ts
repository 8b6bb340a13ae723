// Owns how a user says who drives a volume's disk: the tags `ironbark:attach-mode` and `ironbark:transport` of the
// volume. They are read when it is attached, and the attachment keeps what they said.

import {
  ATTACH_MODE_TAG,
  ATTACH_MODES,
  type AttachMode,
  DIRECT,
  type DiskProfile,
  GUEST_TRANSPORTS,
  type GuestTransport,
  guestProfile,
  TRANSPORT_TAG,
} from '@ironbark/core/io-profile.ts';
import { findVpc } from '../store/networks.ts';
import { listNodes } from '../store/nodes.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { invalidValue, notOffered, refuse } from './refusals.ts';

interface ModeTag {
  key: string;
  value: string;
}

/** Throws for what nobody knows, and for a volume that would be attached otherwise than its tags say. */
export function checkAttachMode(resourceType: string, tags: readonly ModeTag[]): void {
  // Of what is attached to nothing it is a word as any other: a snapshot may carry its volume's tags.
  if (resourceType !== 'volume') return;
  checkOneOf(ATTACH_MODE_TAG, ATTACH_MODES, tags);
  checkOneOf(TRANSPORT_TAG, GUEST_TRANSPORTS, tags);
}

function checkOneOf(key: string, known: readonly string[], tags: readonly ModeTag[]): void {
  const value = tags.find((tag) => tag.key === key)?.value;
  if (value === undefined || known.includes(value)) return;
  throw invalidValue(key, value, `It can be ${known.join(' or ')}.`);
}

/** Who drives a volume's disk and, if it is the guest, over what; as a row of attachments has it. */
export interface AttachWay {
  attachMode: AttachMode | null;
  guestTransport: GuestTransport | null;
}

export const BY_HOST = { attachMode: 'host', guestTransport: null } as const;

/** Of a volume that is attached now. */
export function attachWayOf(tags: readonly ModeTag[]): AttachWay & { attachMode: AttachMode } {
  const find = (wanted: string) => tags.find(({ key }) => key === wanted)?.value;
  if (find(ATTACH_MODE_TAG) !== 'guest') return BY_HOST;
  return { attachMode: 'guest', guestTransport: find(TRANSPORT_TAG) === 'nbd' ? 'nbd' : 'aoe' };
}

export function volumeProfile({ attachMode, guestTransport }: AttachWay): DiskProfile {
  return attachMode === 'guest' ? guestProfile(guestTransport ?? 'aoe') : DIRECT;
}

/** Throws where the guest has no way to the volume, or would not be told of it. */
export async function checkGuestMode(
  tx: Queries,
  mode: AttachMode,
  instance: Pick<InstanceRow, 'metadataOptions' | 'vpcId'> & { nodeId?: InstanceRow['nodeId'] },
): Promise<void> {
  if (mode === 'host') return;
  const nodes = await listNodes(tx);
  const node = nodes.find(({ id }) => id === instance.nodeId) ?? nodes[0];
  if (node?.network === 'user') {
    throw notOffered(
      "Attach mode 'guest' without a network of the guests' own",
      `It needs a cloud that root runs; remove the tag ${ATTACH_MODE_TAG}.`,
    );
  }
  // Its guests reach nothing of their host but the metadata service and the name server.
  if ((await findVpc(tx, instance.vpcId))?.isDefault === 0) {
    throw notOffered(
      "Attach mode 'guest' outside the default VPC",
      `Remove the tag ${ATTACH_MODE_TAG}, or launch the instance in the default VPC.`,
    );
  }
  const { endpoint } = JSON.parse(instance.metadataOptions) as { endpoint: string };
  if (endpoint !== 'disabled') return;
  throw refuse(
    'incorrect-state',
    'instance',
    `The instance has no metadata service, by which its guest would be told of the volume; enable it, or remove the tag ${ATTACH_MODE_TAG}.`,
  );
}

/** A guest boots from its root disk, before it drives anything. */
export function refuseGuestRoot(mode: AttachMode): void {
  if (mode === 'host') return;
  throw notOffered(
    "Attach mode 'guest' for a root volume",
    `Remove the tag ${ATTACH_MODE_TAG} before it is attached.`,
  );
}
