// Owns the contract of a hypervisor. A handle is plain data kept on disk, so that a guest outlives the daemon
// that started it and the next daemon takes it up again.

import type { InstanceId, InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DiskProfile, NicProfile } from '@ironbark/core/io-profile.ts';
import type { Accelerator } from '@ironbark/core/tenancy.ts';
import type { BlockExport, VolumeIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { PortAttachment } from '../host/host-network.ts';

export interface GuestDisk {
  /** Shown to the guest as the disk's serial: `root`, or a volume id. */
  serial: string;
  source: { kind: 'file'; path: string } | BlockExport;
  profile: DiskProfile;
  /** As the intent has it; what the target says counts. */
  sizeBytes?: number;
}

export interface PluggedDisk {
  serial: string;
  profile: DiskProfile;
  /** As the guest sees it; absent where that cannot be told. */
  sizeBytes?: number;
}

/** A volume that a guest is to have, and where it is served now. */
export type WantedVolume = Pick<VolumeIntent, 'volumeId' | 'source'>;

export interface GuestNic {
  id: InterfaceId;
  macAddress: string;
  port: PortAttachment;
  profile: NicProfile;
}

export interface GuestSpec {
  id: InstanceId;
  /** Shown to the guest by its firmware tables, as EC2 does; a UUID that starts with `ec2`. */
  uuid: string;
  vcpus: number;
  memoryMib: number;
  boot:
    | { kind: 'firmware' }
    | { kind: 'kernel'; kernelPath: string; initrdPath?: string; parameters: string };
  rootDisk: GuestDisk;
  nics: GuestNic[];
  /** The instance's own folder; its `run` folder belongs to the guest's user and holds the sockets. */
  directory: string;
  /** The guest's own user on the host; absent when the node is not root. */
  uid?: number;
}

/** What is needed to find a guest again; JSON on disk. */
export interface GuestHandle {
  id: InstanceId;
  driver: string;
  pid: number;
  /** Start time of the process in clock ticks since boot, so that a reused pid is not mistaken for it. */
  pidStartTicks: number;
  directory: string;
  startedAt: string;
  /** The guest's user; absent when the node is not root. */
  uid?: number;
  isolation?: GuestIsolation;
}

/** What keeps a guest's process apart from the host, beyond its user. */
export interface GuestIsolation {
  /** Its own name spaces, as /proc/<pid>/ns names them. */
  nameSpaces: string[];
  /** The folders of its control groups. */
  controlGroups: string[];
  /** For people: what the host could not do. */
  gaps: string[];
}

export type GuestStatus =
  | { state: 'running' }
  /** Its process lives and does not answer: the guest may run or not. */
  | { state: 'silent' }
  /** `resumable`: a write found no room on the host; the guest can go on where it stood. */
  | { state: 'paused'; reason: string; resumable: boolean }
  | { state: 'gone'; reason: 'guest-shutdown' | 'crashed' | 'unknown' };

export interface DriverFingerprint {
  hypervisor: string;
  accelerator: Accelerator;
  version: string;
  /** For people: why this accelerator. */
  reason: string;
  /** For people: what the host lacks for keeping guests apart from it; empty when it has all. */
  isolationGaps: string[];
}

export interface DiskStats {
  /** `root` or a volume id. */
  serial: string;
  readOps: number;
  writeOps: number;
  flushOps: number;
  readBytes: number;
  writeBytes: number;
  /** Sums of request times; divided by wall time they give the average queue depth. */
  readNs: number;
  writeNs: number;
  flushNs: number;
  /** Requests that ended in an error which the guest saw. */
  failedOps: number;
  /** Since the last request ended; absent when there was none. */
  idleNs?: number;
  /** Absent where they are not counted. */
  readLatency?: LatencyHistogram;
  writeLatency?: LatencyHistogram;
}

/** `counts` has one more than `boundariesNs`: what took longer than the last. */
export interface LatencyHistogram {
  boundariesNs: number[];
  counts: number[];
}

/**
 * A guest that powered itself off stays inspectable (`gone`, `guest-shutdown`) until it is reset or destroyed,
 * so that its end and its last words are seen even when the daemon was away. Disposing the driver lets go of
 * the guests and leaves them running.
 */
export interface HypervisorDriver extends AsyncDisposable {
  readonly name: string;
  /** Proves what the host can do by running a guest; cached after the first call. */
  fingerprint(): Promise<DriverFingerprint>;
  /** Starts the guest detached. If one of this id already runs, gives its handle instead. */
  start(spec: GuestSpec): Promise<GuestHandle>;
  /**
   * Finds a guest again after the daemon restarted; undefined when it is gone. A handle with pid 0 was written
   * before a start whose outcome is not known: the guest is looked for by its directory.
   */
  recover(handle: GuestHandle): Promise<GuestHandle | undefined>;
  inspect(handle: GuestHandle): Promise<GuestStatus>;
  /** Lets a paused guest go on where it stood; false when it is paused again at once. */
  resume(handle: GuestHandle): Promise<boolean>;
  /** Asks the guest to power down; returns at once. */
  requestShutdown(handle: GuestHandle): Promise<void>;
  /** Resets the machine, as a reboot does. */
  reset(handle: GuestHandle): Promise<void>;
  /** Ends the guest now; returns when its process is gone. Ending one that is gone succeeds. */
  destroy(handle: GuestHandle): Promise<void>;
  attachDisk(handle: GuestHandle, disk: GuestDisk): Promise<DiskProfile>;
  /** Asks the guest to let go of a disk and waits; resolves false when it has not done so in time. */
  detachDisk(handle: GuestHandle, volumeId: VolumeId): Promise<boolean>;
  /** Plugs a card into the running guest, which finds it as any other. */
  attachNic(handle: GuestHandle, nic: GuestNic): Promise<void>;
  /** Asks the guest to let go of a card and waits; resolves false when it has not done so in time. */
  detachNic(handle: GuestHandle, id: InterfaceId): Promise<boolean>;
  /** Takes the network from a card, whether the guest lets go of it or not; done when the port is nobody's. */
  cutNic(handle: GuestHandle, id: InterfaceId): Promise<void>;
  /** The cards that are plugged now, those without a network too; undefined where that was not written down. */
  listNics(handle: GuestHandle): Promise<InterfaceId[] | undefined>;
  /** Serials of the disks that are plugged now, with what they really run with. */
  listDisks(handle: GuestHandle): Promise<PluggedDisk[]>;
  /** The same for a guest that does not answer, as far as it was written down. */
  recallDisks(handle: GuestHandle): Promise<PluggedDisk[]>;
  /** Shows the running guest that a volume is so long now, which its target says already. */
  growDisk(handle: GuestHandle, volumeId: VolumeId, sizeBytes: number): Promise<void>;
  /**
   * Volumes to whose target the guest has lost its way: the target was started again, or the volume was taken from the
   * guest by force. Also tells when the hypervisor does not answer; may name one that is no longer plugged. `wanted` are
   * those that the guest is to have; any other is looked for only where it was served when it was plugged, since it may be
   * somebody else's by now.
   */
  findCutOff(handle: GuestHandle, wanted: readonly WantedVolume[]): Promise<VolumeId[]>;
  /** Leads the guest to the target again, or to errors when that is gone; its waiting requests then end by themselves. */
  reconnectDisk(
    handle: GuestHandle,
    volumeId: VolumeId,
    wanted: readonly WantedVolume[],
  ): Promise<void>;
  diskStats(handle: GuestHandle): Promise<DiskStats[]>;
  /** What the guest wrote to its serial console since the last call; bounded, the newest bytes win. */
  drainConsole(handle: GuestHandle): Promise<Uint8Array>;
  /** Calls back when a guest may have ended or let go of a disk; a hint, never the only way to learn it. */
  onGuestChange(listener: (id: InstanceId) => void): () => void;
}
