// Owns what is said of a network card at work: what it moved in an interval, of what the host's path can, and who in
// between had no more to give. A card that nobody asks for more is not slow.

import type { NicProfile } from '@ironbark/core/io-profile.ts';
import { type NicCounters, type PathRates, subtractNic } from '@ironbark/core/network-figures.ts';
import { type Explanation, NO_GAP } from './explain.ts';
import { explainNetwork } from './explain-network.ts';
import { isSaturated, type NetworkObservation } from './network-causes.ts';

export interface LiveNic {
  before: NicCounters;
  after: NicCounters;
  seconds: number;
  profile: NicProfile;
  vcpus: number;
  queues: number;
  processor?: NonNullable<NetworkObservation['processor']>;
  path?: PathRates;
}

export interface LiveNetwork {
  /** Of the way that was used more. */
  direction: NetworkObservation['direction'];
  megabitsPerSecond: number;
  packets: NetworkObservation['packets'];
  /** Of what the host's path can; absent where nobody measured it. */
  efficiency?: number;
  explanation: Explanation;
}

const NOBODY_AT_AN_END =
  'Neither the guest nor the thread that carries its packets had reached an end: its programs ask for no more, or wait for the other side.';
const NOT_MEASURED = 'What this host could move was not measured.';
const ASK_FOR_MORE = 'Several streams at a time, or a look at the other side.';

/** Undefined when the counters began anew in between. */
export function explainNic(nic: LiveNic): LiveNetwork | undefined {
  const moved = subtractNic(nic.after, nic.before);
  if (moved === undefined) return undefined;
  const { seconds, path } = nic;
  const isOut = moved.outBytes >= moved.inBytes;
  const [bytes, packets] = isOut
    ? [moved.outBytes, moved.outPackets]
    : [moved.inBytes, moved.inPackets];
  const guestRate = (8 * bytes) / seconds;
  const hostRate = path && (isOut ? path.outBitsPerSecond : path.inBitsPerSecond);
  const seen = { packetsPerSecond: packets / seconds, meanPacketBytes: bytes / (packets || 1) };
  const direction = isOut ? 'transmit' : 'receive';
  return {
    ...{ direction, megabitsPerSecond: guestRate / 1e6, packets: seen },
    ...(hostRate === undefined ? {} : { efficiency: guestRate / hostRate }),
    explanation: explain(nic, { direction, guestRate, hostRate, packets: seen }),
  };
}

type Rates = Pick<NetworkObservation, 'direction' | 'guestRate' | 'packets'> & {
  hostRate: number | undefined;
};

function explain({ profile, vcpus, queues, processor }: LiveNic, rates: Rates): Explanation {
  const { guestRate, hostRate } = rates;
  const isAtEnd = isSaturated(processor);
  const hasGap = hostRate === undefined || guestRate < NO_GAP * hostRate;
  if (guestRate > 0 && hasGap && !isAtEnd) {
    const what = processor === undefined ? '' : NOBODY_AT_AN_END;
    const sentence = [what, hostRate === undefined ? NOT_MEASURED : ''].join(' ').trim();
    return { sentence: sentence === '' ? NOBODY_LOOKED : sentence, remedy: ASK_FOR_MORE };
  }
  const { model, offloads, mtu } = profile;
  return explainNetwork({
    ...rates,
    // Somebody is at an end, whatever the path could do.
    hostRate: hostRate ?? Number.POSITIVE_INFINITY,
    setting: { model, offloads, mtu, queues, vcpus, streams: 1 },
    processor,
  });
}

const NOBODY_LOOKED = 'How busy the guest’s processors were is not known.';
