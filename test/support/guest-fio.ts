// Owns fio in a guest: it writes at random, reads everything back and compares; and what the guest's kernel says of its
// disks meanwhile.

import { eventually } from './cloud-under-test.ts';
import type { DirectGuest } from './direct-guest.ts';

export interface FioWork {
  /** A file or a disk of the guest's. */
  path: string;
  /** As fio has it, in MiB: `16m`. */
  size: string;
  offset?: string;
  /** How much is written in a second, so that what is done to the volume meanwhile meets it at work. */
  rate: string;
  blockSize?: '4k' | '64k';
  /** Writes under way at a time. */
  depth?: number;
}

export function renderFio({ path, size, offset, rate, blockSize = '64k', depth = 8 }: FioWork) {
  const where = `--filename=${path} --size=${size}${offset === undefined ? '' : ` --offset=${offset}`}`;
  const how = `--bs=${blockSize} --rw=randwrite --iodepth=${depth} --ioengine=libaio --direct=1`;
  const check = '--verify=crc32c --verify_fatal=1 --end_fsync=1';
  return `fio --name=verified ${where} ${how} --rate=,${rate} ${check}`;
}

export interface GuestFio {
  /** For the guest to start. */
  command: string;
  /** Its exit code, once it has read everything back. */
  untilEnd(): Promise<number>;
  /** The end of what it said. */
  log(): Promise<string>;
  /** Waits for the end; throws unless every byte was as written. */
  untilVerified(): Promise<void>;
}

/** So that a guest can be given work more than once. */
let prepared = 0;

export function prepareFio(guest: DirectGuest, work: FioWork): GuestFio {
  prepared += 1;
  const name = `/root/fio-${prepared}`;
  const log = () => guest.run(`tail -n 20 ${name}.log`);
  const readExit = () => guest.run(`cat ${name}.exit 2> /dev/null || true`);
  const untilEnd = async () =>
    Number(await eventually('the end of fio', async () => (await readExit()) || undefined));
  const untilVerified = async () => {
    const exit = await untilEnd();
    if (exit !== 0) throw new Error(`fio ended with ${exit}:\n${await log()}`);
  };
  const command = `${renderFio(work)} > ${name}.log 2>&1; echo $? > ${name}.exit`;
  return { command, untilEnd, log, untilVerified };
}

export async function startFio(guest: DirectGuest, work: FioWork): Promise<GuestFio> {
  const fio = prepareFio(guest, work);
  await guest.start(fio.command);
  return fio;
}

/** Prints what the guest's kernel has said of errors; nothing where all is well. */
export const TROUBLE =
  '(dmesg | grep -i -E "i/o error|ext4-fs error|aborting|remount|ata error" || true)';
