// Owns the contract of targets for guests: a volume that its storage daemon serves, opened to the driver inside one
// guest, over that guest's own NIC.

import type { SubnetId, VolumeId } from '@ironbark/core/ids.ts';
import type { DiskCounters } from '@ironbark/core/volume-figures.ts';

/** Where targets listen for NBD, at the host's address in each subnet: the port that IANA gave to it. */
export const GUEST_NBD_PORT = 10_809;

/** What it takes to open a disk over NBD. */
export interface NbdAccess {
  /** The host's in the subnet: where the target listens. */
  hostAddress: string;
  /** The only one that is answered; the guest's port lets out no other. */
  guestAddress: string;
  /** By which the guest names the disk. A secret of this one attachment. */
  key: string;
}

export interface GuestDisk {
  volumeId: VolumeId;
  /** Guests of one subnet have one target process for AoE, and one for NBD. */
  subnetId: SubnetId;
  /** The host's interface in that network. */
  interfaceName: string;
  /** The only address that is answered; the guest's port lets out no other. */
  macAddress: string;
  /** AoE's name of the disk, the guest's own among those of the subnet. */
  shelf: number;
  slot: number;
  /** Where the volume's storage daemon serves it on this host. */
  socketPath: string;
  /** Absent: the guest reaches it over AoE. */
  nbd?: NbdAccess;
}

export interface GuestDiskFacts {
  /** The guest is answered, on the interface that is there now. */
  isOpen: boolean;
  /** The target leads to where the storage daemon served when it was opened, and it serves elsewhere now. */
  isCutOff: boolean;
  /** Nobody may open the volume any more: its storage daemon's socket is gone. */
  isRevoked: boolean;
  /** As the guest is told; absent unless it is open. */
  sizeBytes?: number;
  /** What the guest has done with it; absent unless it is open. */
  work?: DiskWork;
}

/** A request's time is from its coming to the target to its answer. */
export interface DiskWork {
  /** Another one: the counters began anew. */
  countedSince: string;
  counters: DiskCounters & {
    flushOps: number;
    flushNs: number;
    /** Requests that ended in an error which the guest saw. */
    failedOps: number;
  };
}

/** Every call is idempotent, and different volumes may be worked on at the same time. */
export interface GuestTargets {
  inspect(disk: GuestDisk): Promise<GuestDiskFacts>;
  /** Opens the disk to its guest, or makes whole what has become of it. Throws unless the volume is served. */
  open(disk: GuestDisk): Promise<void>;
  /**
   * When this resolves the guest is answered no more. `isForced`: commands that it still sends fail for a while,
   * instead of waiting for ever.
   */
  close(disk: GuestDisk, options: { isForced: boolean }): Promise<void>;
  /** Calls back when the target of a subnet has ended by itself. */
  onEnd(listener: (subnetId: SubnetId) => void): () => void;
  /** Ends every target: what runs and what somebody else left. */
  endAll(): Promise<void>;
  /** Lets go of running targets without ending them. */
  detach(): void;
}
