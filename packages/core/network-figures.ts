// Owns what is said of a guest's network card in an interval: from two readings of its counters. Pure.

/** As the guest sees them; they only grow, until its port is made anew. */
export interface NicCounters {
  inBytes: number;
  outBytes: number;
  inPackets: number;
  outPackets: number;
}

/** What a host moves to and from a name space that is plugged where a guest is, by one TCP stream. */
export interface PathRates {
  /** From the guest's place to the host. */
  outBitsPerSecond: number;
  inBitsPerSecond: number;
}

const NAMES = [
  'inBytes',
  'outBytes',
  'inPackets',
  'outPackets',
] as const satisfies (keyof NicCounters)[];
const BYTE_BITS = 8;

/** Undefined when they began anew in between. */
export function subtractNic(after: NicCounters, before: NicCounters): NicCounters | undefined {
  if (NAMES.some((name) => after[name] < before[name])) return undefined;
  const entries = NAMES.map((name) => [name, after[name] - before[name]]);
  return Object.fromEntries(entries) as unknown as NicCounters;
}

/** Of the way that was used more, the share of what the host's path could have moved in that time: 1 is all of it. */
export function networkEfficiency(
  moved: Pick<NicCounters, 'inBytes' | 'outBytes'>,
  seconds: number,
  { inBitsPerSecond, outBitsPerSecond }: PathRates,
): number {
  const share = (bytes: number, rate: number) => (bytes * BYTE_BITS) / seconds / rate;
  return Math.max(share(moved.inBytes, inBitsPerSecond), share(moved.outBytes, outBitsPerSecond));
}
