// Owns writes over a wire of a known rate with a few in flight: where a server's answers wait for acknowledgements, they
// get a small part of it.

/** A block takes 13 ms: a busy machine answers within that, and a stall of 40 ms shows. */
const RATE_MBIT = 40;
/** Ethernet, IP, TCP with time stamps, TLS and NBD leave this of 1,500-byte frames. */
const PAYLOAD = 0.945;
const BLOCK_KIB = 64;
const BLOCKS = 80;

/** Of the wire, as the project's bar for writes with some in flight has it. */
export const WIRE_BAR = 0.9;
/** What a server that waits for acknowledgements stays below on a quiet machine, and one that does not exceeds on any. */
export const STALL_GUARD = 0.75;

/** For `tc`, after the interface. */
export const WIRE_SHAPE: readonly string[] = [
  ...['root', 'tbf', 'rate', `${RATE_MBIT}mbit`],
  ...['burst', '64kb', 'latency', '100ms'],
];

/** Arguments of qemu-img. */
export function renderWrites(depth: number, uri: string): string[] {
  const what = ['-w', '-t', 'none', '-s', `${BLOCK_KIB}k`, '-c', String(BLOCKS)];
  return ['bench', '-f', 'raw', ...what, '-d', String(depth), uri];
}

/** From what qemu-img says. */
export function shareOfWire(stdout: string): number {
  const seconds = Number(/Run completed in ([0-9.]+) seconds/.exec(stdout)?.[1]);
  const bytesPerSecond = (BLOCKS * BLOCK_KIB * 1024) / seconds;
  return bytesPerSecond / ((RATE_MBIT * 1e6 * PAYLOAD) / 8);
}

/** The best of a few: the bar is far above the stall and a little below the wire, and another one's load is not its own. */
export async function bestShare(measure: () => Promise<number>, tries = 3): Promise<number> {
  let best = 0;
  for (let time = 0; time < tries && best < WIRE_BAR; time += 1) {
    best = Math.max(best, await measure());
  }
  return best;
}
