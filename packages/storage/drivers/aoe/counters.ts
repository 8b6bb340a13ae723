// Owns what a target counts: each frame that it does not answer is counted under its reason.

const DISK = [
  'frames',
  'reads',
  'readBytes',
  'readNs',
  'writes',
  'writeBytes',
  'writeNs',
  'flushes',
  'flushNs',
  'faults',
  'errors',
  'reserved',
  'overruns',
] as const;

const TARGET = [
  'frames',
  'malformed',
  'responses',
  'elsewhere',
  'unknownAddress',
  'refused',
] as const;

export type DiskCounters = Record<(typeof DISK)[number], number>;

/** `unsent`: replies that the interface did not take. */
export type TargetCounters = Record<(typeof TARGET)[number] | 'sent' | 'unsent', number>;

export function zeroCounters(): DiskCounters {
  return Object.fromEntries(DISK.map((name) => [name, 0])) as DiskCounters;
}

export function zeroTargetCounters(): TargetCounters {
  const zeros = Object.fromEntries(TARGET.map((name) => [name, 0]));
  return { ...zeros, sent: 0, unsent: 0 } as TargetCounters;
}
