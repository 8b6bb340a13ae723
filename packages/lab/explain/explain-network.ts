// Owns the explanation of a network card's rate: how much of the path without a guest it reaches, why not all, and what
// changes it.

import { type Explanation, NO_GAP } from './explain.ts';
import { NETWORK_CAUSES, type NetworkObservation } from './network-causes.ts';

export function explainNetwork(observation: NetworkObservation): Explanation {
  const { guestRate, hostRate } = observation;
  if (guestRate === 0) return { sentence: `Nothing was ${SENT[observation.direction]}.` };
  const share = guestRate / hostRate;
  if (share >= NO_GAP) {
    const percent = Math.round(100 * share);
    return { sentence: `The guest gets ${percent} % of what the host gets: there is no gap.` };
  }
  const cause = NETWORK_CAUSES.find((each) => each.fits(observation))!;
  const { name, layer, remedy } = cause;
  return { cause: { name, layer }, sentence: cause.say(observation), remedy };
}

const SENT = { transmit: 'sent', receive: 'received' } as const;
