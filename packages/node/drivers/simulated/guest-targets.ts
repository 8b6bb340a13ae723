// Owns targets for simulated guests: what is open is remembered, and nothing is served. They end with their process.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';

/** No simulated disk has a length of its own. */
const ANY_LENGTH = Number.MAX_SAFE_INTEGER;

export function createSimulatedGuestTargets(): GuestTargets {
  const open = new Set<VolumeId>();
  return {
    inspect: async ({ volumeId }) => {
      const facts = { isCutOff: false, isRevoked: false };
      if (!open.has(volumeId)) return { ...facts, isOpen: false };
      return { ...facts, isOpen: true, sizeBytes: ANY_LENGTH };
    },
    open: async ({ volumeId }) => void open.add(volumeId),
    close: async ({ volumeId }) => void open.delete(volumeId),
    onEnd: () => () => {},
    endAll: async () => open.clear(),
    detach: () => {},
  };
}
