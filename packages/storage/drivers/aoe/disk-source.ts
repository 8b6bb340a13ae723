// Owns the contract of what a target reads and writes for a disk: a file, or a volume that its storage daemon serves.

import type { FrameSlots } from './frame-slots.ts';
import type { DiskCommand } from './sector-runs.ts';

/** Neighbouring commands, as one transfer. */
export type Run = readonly DiskCommand[];

/** Transfers of a disk; each has a lane of its own while it is under way. Reads and writes have lanes of their own. */
export interface DiskIo {
  readonly lanes: number;
  /** Of a disk whose write cache is on, fewer than it has lanes where more would only wait for each other. */
  readonly cachedWritesAtATime: number;
  /** Where all bytes of a run are in memory until the next turn of the event loop; 0: they have to be read. */
  addressAtHand(run: Run): number;
  /** Bytes of a run that could be read without waiting. */
  readAtHand(run: Run, lane: number): number;
  /** Reads what `readAtHand` has left of the run that it was called for. */
  read(run: Run, lane: number, doneBytes: number): Promise<void>;
  /** Whether all of a run could be written without waiting for the disk, and is; it may be lost with the machine. */
  writeAtHand(run: Run): boolean;
  write(run: Run, lane: number): Promise<void>;
  /** What was written is on stable storage. A failure is final. */
  persist(): Promise<void>;
}

export interface DiskSource {
  sizeBytes(): Promise<number>;
  /** Calls back when it has become longer by itself. */
  onResize(listener: (sizeBytes: number) => void): void;
  /** It cannot be reached: whoever reads or writes waits. */
  readonly isAway: boolean;
  io(slots: FrameSlots): DiskIo;
  /** Has what waits for something that is away fail. */
  cutOff(): void;
  close(): Promise<void>;
}
