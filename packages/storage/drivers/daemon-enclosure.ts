// Owns the enclosure of storage daemons: what the program finds in it, and whether this host lets it run there.

import { join } from 'node:path';
import type { Commands } from '@ironbark/platform/commands.ts';
import { tryConfined } from '@ironbark/platform/confined-start.ts';
import { CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { type Enclosure, ensureEnclosure } from '@ironbark/platform/enclosure.ts';
import { DAEMON } from './daemon-arguments.ts';
import { confinedDaemon } from './daemon-process.ts';
import { ENCLOSED_DEVICE } from './volume-place.ts';
import type { VolumeUsers } from './volume-users.ts';

export interface EnclosureContext {
  dataDir: string;
  commands: Commands;
  users: VolumeUsers | undefined;
}

/** `gap` says, for people, why there is none. */
export async function openDaemonEnclosure({
  dataDir,
  commands,
  users,
}: EnclosureContext): Promise<{ enclosure: Enclosure | undefined; gap?: string }> {
  if (users === undefined) return { enclosure: undefined };
  const enclosure = await ensureEnclosure({
    directory: join(dataDir, 'enclosure'),
    programs: [DAEMON],
    searchPath: CLEAN_ENVIRONMENT['PATH']!,
    devices: ['/dev/null'],
    places: [ENCLOSED_DEVICE],
  });
  const trial = { uid: users.gid, args: ['--version'] };
  const why = await tryConfined(commands, confinedDaemon({ dataDir, users, enclosure }, trial));
  if (why === undefined) return { enclosure };
  return { enclosure: undefined, gap: `daemons have no name spaces of their own: ${why}` };
}
