// Owns what starting and finding storage daemons takes: the folder, the users, and what the host lets confine them.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { ControlGroups } from '@ironbark/platform/control-groups.ts';
import type { Enclosure } from '@ironbark/platform/enclosure.ts';
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
