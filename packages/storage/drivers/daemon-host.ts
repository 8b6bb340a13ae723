// Owns what starting and finding storage daemons takes: the folder, the users, and what the host lets confine them.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { ControlGroups } from '@ironbark/platform/control-groups.ts';
import type { Enclosure } from '@ironbark/platform/enclosure.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { FindPlace } from './volume-place.ts';
import type { VolumeUsers } from './volume-users.ts';

export interface DaemonHost {
  /** Absolute and without symbolic links. */
  dataDir: string;
  commands: Commands;
  clock: Clock;
  findPlace: FindPlace;
  /** Undefined: this process is not root, and daemons run as its user. */
  users: VolumeUsers | undefined;
  /** Undefined: the host does not allow it. */
  enclosure: Enclosure | undefined;
  controlGroups: ControlGroups;
}

export interface StorageDaemonOptions {
  /** Absolute and without symbolic links. */
  dataDir: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  users: VolumeUsers | undefined;
  /** Absent: every volume is a file. */
  findPlace?: FindPlace;
  /** For the keys of gates; absent: none is opened. */
  random?: RandomSource;
}
