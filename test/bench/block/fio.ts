// Owns fio as guests run it: many requests at a time.

export interface FioRun {
  depth: number;
  seconds: number;
}

export function randomWrites(device: string, run: FioRun): string {
  return renderLoad(device, { ...run, rw: 'randwrite', block: '64k' });
}

export function randomReads(device: string, run: FioRun): string {
  return renderLoad(device, { ...run, rw: 'randread', block: '4k' });
}

export function renderLoad(
  device: string,
  { rw, block, depth, seconds }: FioRun & { rw: string; block: string },
): string {
  return [
    `fio --name=b --filename=${device} --size=256m --rw=${rw} --bs=${block} --direct=1`,
    `--ioengine=libaio --iodepth=${depth} --runtime=${seconds} --time_based`,
    '--output-format=terse',
  ].join(' ');
}

/** fio's terse format 3 (HOWTO, "Terse output"): fields from 0. KiB/s and IOPS, read then write. */
const READ_RATE = 6;
const READ_IOPS = 7;
const WRITE_RATE = 47;

function fieldsOf(text: string): string[] {
  const line = text.split('\n').find((each) => each.startsWith('3;fio-'));
  if (line === undefined) throw new Error(`fio said: ${text}`);
  return line.split(';');
}

/** MB/s, reads and writes together. */
export function parseFioRate(text: string): number {
  const fields = fieldsOf(text);
  return ((Number(fields[READ_RATE]) + Number(fields[WRITE_RATE])) * 1_024) / 1e6;
}

export function parseReadIops(text: string): number {
  return Number(fieldsOf(text)[READ_IOPS]);
}
