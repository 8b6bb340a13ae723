// Owns what is tried for each cause of a slow network card: the same stream twice in a guest made for it, between that
// guest and its host, once with a card like the one that was looked at and once with what the explanation names. Pure.

import type { NicProfile } from '@ironbark/core/io-profile.ts';
import { NETWORK_ROWS, type NetworkNic, type NetworkRow } from '../network/network-rows.ts';
import type { NetworkCauseName, NetworkObservation } from './network-causes.ts';

export interface NetworkTrial {
  /** For people: what is changed; part of a sentence. */
  change: string;
  before: NetworkRow;
  after: NetworkRow;
}

export interface NetworkTrialSubject {
  /** Undefined: nobody had reached an end, and the programs asked for no more. */
  cause: NetworkCauseName | undefined;
  direction: NetworkObservation['direction'];
  profile: Pick<NicProfile, 'model' | 'offloads' | 'mtu'>;
}

/** What a row of the lab's network matrix is besides its path. */
interface Card {
  nic: NetworkNic;
  isNarrow: boolean;
  streams: number;
}

interface Change {
  /** What is changed of this card; part of a sentence. */
  say(card: Card): string;
  apply(card: Card): Partial<Card>;
}

/** A sentence: why nothing of the kind can be tried. */
type NotTried = string;

const MANY = 4;
const JUMBO_MTU = 9_000;
const VHOST =
  'What changes it is vhost-net, a module of this host’s kernel: a trial has what the host has (modprobe vhost-net).';
const SEVERAL: Change = {
  say: () => `${MANY} streams at a time`,
  apply: () => ({ streams: MANY }),
};

const CHANGES: Readonly<Record<NetworkCauseName, Change | NotTried>> = {
  'nic-limit': 'What changes it is the card’s limit, and a trial’s card has none.',
  'emulated-nic': { say: () => 'virtio-net', apply: () => ({ nic: 'virtio-net' }) },
  'small-frames': {
    say: (card) => (isPlain(card) ? 'offloads' : 'frames of 9,000 bytes'),
    apply: (card) => (isPlain(card) ? { nic: 'virtio-net' } : { isNarrow: false }),
  },
  'single-queue': VHOST,
  'busy-server': VHOST,
  'starved-guest':
    'What changes it is no setting of the card: another instance type, another host, or less work beside it.',
  'waiting-guest': SEVERAL,
};

const SAME = 'The card runs with that setting already.';

export function networkTrialOf(subject: NetworkTrialSubject): NetworkTrial | { reason: string } {
  const { cause, direction, profile } = subject;
  const change = cause === undefined ? SEVERAL : CHANGES[cause];
  if (typeof change === 'string') return { reason: change };
  const card: Card = { nic: nicOf(profile), isNarrow: profile.mtu < JUMBO_MTU, streams: 1 };
  const [before, after] = [card, { ...card, ...change.apply(card) }].map((each) =>
    findRow(each, direction),
  );
  if (before === undefined || after === undefined || before === after) return { reason: SAME };
  return { change: change.say(card), before, after };
}

function isPlain({ nic }: Card): boolean {
  return nic === 'virtio-net-plain';
}

function nicOf({ model, offloads }: NetworkTrialSubject['profile']): NetworkNic {
  if (model === 'e1000') return 'e1000';
  return offloads ? 'virtio-net' : 'virtio-net-plain';
}

function findRow(
  { nic, isNarrow, streams }: Card,
  direction: NetworkObservation['direction'],
): NetworkRow | undefined {
  return NETWORK_ROWS.find(
    (row) =>
      row.peer === 'host' &&
      row.nic === nic &&
      row.measure === direction &&
      row.streams === streams &&
      (row.mtu !== undefined) === isNarrow,
  );
}
