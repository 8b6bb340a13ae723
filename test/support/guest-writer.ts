// Owns a program in a guest that writes to a file without end, each block made durable before the next, and notes
// on another disk what was acknowledged and when; and the proof that what was acknowledged is there.

import { eventually } from './cloud-under-test.ts';
import type { DirectGuest } from './direct-guest.ts';

const BLOCK_BYTES = 128 * 1024;
/** Blocks are written around, each into the slot of its number; the newest but one round are checked. */
export const SLOTS = 8;
const NOTES = '/root/written';

const SCRIPT = `
i=0
while :; do
  i=$((i + 1))
  if yes $i | head -c ${BLOCK_BYTES} | dd of=$1 bs=${BLOCK_BYTES} seek=$((i % ${SLOTS})) iflag=fullblock conv=notrunc,fsync; then
    read up rest < /proc/uptime
    echo "$i $up" >> ${NOTES}
  else
    echo "error $i" >> ${NOTES}
  fi
  [ $2 = 0 ] || usleep $2
done
`;

const CHECK = `
for i in $(seq $2 $3); do
  yes $i | head -c ${BLOCK_BYTES} > /root/expected
  dd if=$1 bs=${BLOCK_BYTES} skip=$((i % ${SLOTS})) count=1 2> /dev/null | cmp -s - /root/expected || echo "block $i is not as written"
done
`;

const LOOK = `
for slot in $(seq 0 ${SLOTS - 1}); do
  dd if=$1 bs=${BLOCK_BYTES} skip=$slot count=1 2> /dev/null > /root/found
  i=$(head -c 20 /root/found | head -n 1 | tr -cd 0-9)
  yes "$i" | head -c ${BLOCK_BYTES} > /root/expected
  if [ -z "$i" ]; then echo none; elif cmp -s /root/found /root/expected; then echo $i; else echo torn; fi
done
`;

export interface Acknowledged {
  number: number;
  /** The guest's own clock, in seconds since its boot. */
  uptimeS: number;
}

export interface GuestWriter {
  /** What was acknowledged until now. Throws when a write failed. */
  read(): Promise<Acknowledged[]>;
  /** Waits until so many more writes are acknowledged; gives all. */
  untilMore(count: number): Promise<Acknowledged[]>;
  /** Ends the writer; gives all. */
  stop(): Promise<Acknowledged[]>;
}

export interface WriterOptions {
  /** Between a write and the next. A guest that is emulated and never waits takes a processor of the host. */
  pauseMs?: number;
}

export async function startWriter(
  guest: DirectGuest,
  path: string,
  { pauseMs = 0 }: WriterOptions = {},
): Promise<GuestWriter> {
  await guest.run(`cat > /root/writer.sh <<'END'\n${SCRIPT}\nEND\nrm -f ${NOTES}; touch ${NOTES}`);
  await guest.start(
    `echo $$ > /root/writer.pid; exec sh /root/writer.sh ${path} ${pauseMs * 1_000}`,
  );
  const read = async () => parseNotes(await guest.run(`cat ${NOTES}`));
  const untilMore = async (count: number) => {
    const known = (await read()).length;
    return await eventually(`${count} more writes`, async () => {
      const seen = await read();
      return seen.length >= known + count && seen;
    });
  };
  const stop = async () => {
    await guest.run('kill -9 $(cat /root/writer.pid)');
    return await read();
  };
  return { read, untilMore, stop };
}

/** Throws unless the newest blocks are on the disk, where a guest's caches do not hide what is. */
export async function checkBlocks(
  guest: DirectGuest,
  path: string,
  written: readonly Acknowledged[],
): Promise<void> {
  const last = written.at(-1)?.number ?? 0;
  // One more may have been begun when the writer ended.
  const first = Math.max(1, last - SLOTS + 2);
  await guest.run(
    `sync; echo 3 > /proc/sys/vm/drop_caches; cat > /root/check.sh <<'END'\n${CHECK}\nEND`,
  );
  const wrong = await guest.run(`sh /root/check.sh ${path} ${first} ${last}`);
  if (wrong !== '') throw new Error(wrong);
}

/** The number of a block that is there from its first byte to its last. */
export type BlockInSlot = number | 'torn' | 'none';

/** What a file has that a writer wrote, slot by slot. */
export async function readSlots(guest: DirectGuest, path: string): Promise<BlockInSlot[]> {
  await guest.run(`cat > /root/look.sh <<'END'\n${LOOK}\nEND`);
  const found = (await guest.run(`sh /root/look.sh ${path}`)).split('\n');
  return found.map((each) => (each === 'none' || each === 'torn' ? each : Number(each)));
}

function parseNotes(notes: string): Acknowledged[] {
  const failed = notes.split('\n').find((line) => line.startsWith('error'));
  if (failed !== undefined) throw new Error(`the guest saw an ${failed}`);
  return notes.split('\n').flatMap((line) => {
    const [number, uptime] = line.split(' ');
    return uptime === undefined ? [] : [{ number: Number(number), uptimeS: Number(uptime) }];
  });
}

/** The longest time without an acknowledged write, in seconds. */
export function longestStall(seen: readonly Acknowledged[]): number {
  const gaps = seen.slice(1).map((each, index) => each.uptimeS - seen[index]!.uptimeS);
  return Math.max(0, ...gaps);
}
