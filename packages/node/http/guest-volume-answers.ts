// Owns what the metadata service answers about volumes that a guest drives itself, below /latest/ironbark/volumes: a
// list that can be waited on, and the guest's word about one of them.
//
//   GET /latest/ironbark/volumes?after=TAG           the list; at once when it is not the one with this tag
//   PUT /latest/ironbark/volumes/VOLUME/attached     the guest has it
//   PUT /latest/ironbark/volumes/VOLUME/released     the guest has let go of one that is being detached

import type { VolumeId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestWord } from '../app/guest-volumes.ts';

/** What the service asks of the node. */
export interface GuestVolumeDesk {
  render(instance: InstanceIntent): { tag: string; text: string };
  /** False for a word that answers nothing which is asked. */
  hear(instance: InstanceIntent, id: VolumeId, word: GuestWord): boolean;
  untilChange(signal: AbortSignal): Promise<void>;
}

const ROOT = ['latest', 'ironbark', 'volumes'];
/** Shorter than what clients and middlemen hold a silent connection for. */
const WAIT_MS = 25_000;
const WORDS: readonly GuestWord[] = ['attached', 'released'];

export function isAboutVolumes(path: readonly string[]): boolean {
  return ROOT.every((name, at) => path[at] === name);
}

/** The list, once it is another than the guest knows or the time is up. */
export async function readVolumeList(
  desk: GuestVolumeDesk,
  { find, after, clock }: { find: () => InstanceIntent; after: string | null; clock: Clock },
): Promise<string> {
  const time = new AbortController();
  void clock.sleep(WAIT_MS, time.signal).then(
    () => time.abort(),
    () => {},
  );
  try {
    for (;;) {
      const { tag, text } = desk.render(find());
      if (tag !== after || time.signal.aborted) return text;
      await desk.untilChange(time.signal);
    }
  } finally {
    time.abort();
  }
}

/** The status of the answer. */
export function hearWord(
  desk: GuestVolumeDesk,
  instance: InstanceIntent,
  path: readonly string[],
): number {
  const [id, word, ...rest] = path.slice(ROOT.length);
  const known = WORDS.find((each) => each === word);
  if (id === undefined || known === undefined || rest.length > 0) return 404;
  if (!isResourceId('vol', id)) return 404;
  return desk.hear(instance, id as VolumeId, known) ? 200 : 409;
}
