// Owns the table of images as a type.

import type { AccountId, ImageId, InstanceId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeType } from '@ironbark/core/volume-types.ts';
import type { Generated, Selectable } from 'kysely';

/** Where the root disks of an image's instances are: on their node, or in a volume. */
export type RootDeviceType = 'instance-store' | 'ebs';

/** A volume that instances of an image are launched with. */
export interface ImageDevice {
  deviceName: string;
  sizeGib: number;
  volumeType: VolumeType;
  iops?: number;
  throughputMibps?: number;
  deleteOnTermination: boolean;
  /** What it starts with; absent: zeroes, or a snapshot that is still to be taken. */
  snapshotId?: SnapshotId;
  /** What that snapshot is to be taken of. */
  volumeId?: VolumeId;
  /** As that snapshot is. */
  encrypted?: boolean;
}

/**
 * How far an image is: its instance goes down for it (`stopping`), is to come up again once the points in time are
 * held (`restarting`), and then the rest is its snapshots' (`made`).
 */
export type ImageStage = 'stopping' | 'restarting' | 'made' | 'failed';

export interface ImageTable {
  id: ImageId;
  accountId: AccountId;
  name: string;
  description: string;
  architecture: string;
  location: string;
  /** {@link InstanceImage} */
  contents: string;
  rootDeviceType: Generated<RootDeviceType>;
  rootDeviceName: string;
  rootDiskBytes: number;
  /** {@link ImageDevice} as a list in JSON. */
  devices: Generated<string>;
  minMemoryMib: number;
  loginUser: string;
  createdAt: number;
  stage: Generated<ImageStage>;
  /** What CreateImage made it of. */
  sourceInstanceId: InstanceId | null;
  /** 1 while it is for this image to start its instance again. */
  restartsInstance: Generated<0 | 1>;
  /** Tags of the snapshots that are still to be taken, as JSON. */
  snapshotTags: string | null;
  /** Why it failed. */
  failure: string | null;
  /** From when on others are no longer shown it; null: it is not deprecated. */
  deprecatedAt: number | null;
  /** What CopyImage made it of. */
  sourceImageId: ImageId | null;
  /** That its drivers can do Intel's 82599 virtual functions, says its owner. No type here has any, as few have at AWS. */
  sriovNetSupport: SriovNetSupport | null;
  deregistrationProtection: Generated<DeregistrationProtection>;
  /** Until when it stays protected after that was disabled; null: no longer than that. */
  protectedUntil: number | null;
}

/** EC2's words. */
export type DeregistrationProtection =
  | 'disabled'
  | 'enabled-with-cooldown'
  | 'enabled-without-cooldown';

/** EC2's only value. */
export type SriovNetSupport = 'simple';

export interface ImagePermissionTable {
  imageId: ImageId;
  /** Who may launch it: an account, or `all`. */
  grantee: AccountId | 'all';
}

/** The owner's images that were deregistered. */
export interface GoneImageTable {
  id: ImageId;
  accountId: AccountId;
  goneAt: number;
}

export type ImageRow = Selectable<ImageTable>;
