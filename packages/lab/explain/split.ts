// Owns the first question about a slow disk: did it stand idle, or did it work and achieve little? Both follow from
// three measured numbers. Pure.

import type { Observation } from './observation.ts';

export interface Split {
  /** What the guest gets of the host's rate. */
  share: number;
  /** Parts of what is lost; they add up to `1 - share`. */
  lost: {
    /** While no request was at the disk: nobody asked it for more. */
    idle: number;
    /** While it worked: requests that cost it more than the host's own do. */
    work: number;
  };
}

/**
 * The guest's share is the share of time in which the disk worked, times what it achieved then of what it can. A disk
 * that worked better for the guest than for the host has lost nothing by its work.
 */
export function splitGap({ guestRate, hostRate, seen }: Observation): Split | undefined {
  if (hostRate === undefined || hostRate <= 0) return undefined;
  const share = guestRate / hostRate;
  const gap = Math.max(0, 1 - share);
  const busy = Math.max(seen.utilisation, share);
  const idleLoss = -Math.log(Math.min(1, seen.utilisation || share));
  const workLoss = -Math.log(Math.min(1, share / busy));
  const both = idleLoss + workLoss;
  if (gap === 0 || both === 0) return { share, lost: { idle: 0, work: gap } };
  return { share, lost: { idle: (gap * idleLoss) / both, work: (gap * workLoss) / both } };
}
