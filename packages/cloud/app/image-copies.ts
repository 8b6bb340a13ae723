// Owns the copying of images: a registration of one's own, over copies of the snapshots.

import type { ImageId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { InstanceImage } from '@ironbark/protocol/internal/instance-messages.ts';
import type { ImageDevice, ImageRow } from '../store/image-schema.ts';
import { listOwnTagsOf } from '../store/tags.ts';
import type { App } from './app.ts';
import { parseDevices } from './block-devices.ts';
import type { Caller, Change } from './change.ts';
import type { EncryptionWish } from './encryption.ts';
import { addImage, getAvailableImage } from './images.ts';
import { invalidCombination } from './refusals.ts';
import { copySnapshot } from './snapshots.ts';
import { setTags, type Tag } from './tags.ts';

export interface CopyWish extends EncryptionWish {
  source: ImageId;
  name: string;
  /** The source's where absent. */
  description: string | undefined;
  copiesTags: boolean;
  imageTags: readonly Tag[];
  snapshotTags: readonly Tag[];
}

/** What belongs to the copy alone is left out: who may launch it, and from when it is deprecated. */
export async function copyImage(
  app: App,
  caller: Caller,
  change: Change,
  wish: CopyWish,
): Promise<ImageId> {
  const source = await getAvailableImage(change.tx, caller.accountId, wish.source);
  if (source.rootDeviceType === 'instance-store' && wish.encrypted === true) {
    throw invalidCombination('Only the snapshots of an EBS-backed image can be encrypted.');
  }
  const id = newId(app.random, 'ami');
  const devices: ImageDevice[] = [];
  for (const device of parseDevices(source)) {
    devices.push(await copyDevice(app, caller, change, { id, source, device, wish }));
  }
  const contents = { ...(JSON.parse(source.contents) as InstanceImage), id };
  return addImage(caller, change, id, {
    name: wish.name,
    description: wish.description ?? source.description,
    tags: await tagsOf(change, caller, source, wish),
    columns: {
      location:
        source.rootDeviceType === 'ebs' ? `${caller.accountId}/${wish.name}` : source.location,
      contents: JSON.stringify(contents),
      rootDeviceType: source.rootDeviceType,
      rootDeviceName: source.rootDeviceName,
      rootDiskBytes: source.rootDiskBytes,
      devices: JSON.stringify(devices),
      minMemoryMib: source.minMemoryMib,
      loginUser: source.loginUser,
      sourceImageId: source.id,
      sriovNetSupport: source.sriovNetSupport,
    },
  });
}

/** Whoever may launch an image may not read its snapshots: those are asked for as they are in CopySnapshot. */
async function copyDevice(
  app: App,
  caller: Caller,
  change: Change,
  {
    id,
    source,
    device,
    wish,
  }: { id: ImageId; source: ImageRow; device: ImageDevice; wish: CopyWish },
): Promise<ImageDevice> {
  const { snapshotId } = device;
  if (snapshotId === undefined) return device;
  const row = await copySnapshot(app, caller, change, {
    source: snapshotId,
    description: `Copied for DestinationAmi ${id} from SourceAmi ${source.id} for SourceSnapshot ${snapshotId}`,
    encrypted: wish.encrypted,
    kmsKeyId: wish.kmsKeyId,
  });
  await setTags(change.tx, caller.accountId, row.id, wish.snapshotTags);
  const { encrypted: _encrypted, ...rest } = device;
  return { ...rest, snapshotId: row.id, ...(row.encrypted === 1 ? { encrypted: true } : {}) };
}

/** Of somebody else's image those that the caller has put on it: the owner's are not its to see. */
async function tagsOf(
  { tx }: Change,
  { accountId }: Caller,
  source: ImageRow,
  { copiesTags, imageTags }: CopyWish,
): Promise<Tag[]> {
  if (!copiesTags) return [...imageTags];
  const given = new Set(imageTags.map(({ key }) => key));
  const own = await listOwnTagsOf(tx, { resourceId: source.id, accountId });
  const copied = own.filter(({ key }) => !given.has(key));
  return [...imageTags, ...copied.map(({ key, value }) => ({ key, value }))];
}
