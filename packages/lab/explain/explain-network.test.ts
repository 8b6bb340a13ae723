import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNetwork } from './explain-network.ts';
import {
  NETWORK_CAUSES,
  type NetworkCauseName,
  type NetworkObservation,
} from './network-causes.ts';

/** Half of what the same path carries without a guest; each has one thing changed. */
const GOOD: NetworkObservation = {
  direction: 'transmit',
  guestRate: 120e6,
  hostRate: 240e6,
  packets: { packetsPerSecond: 500, meanPacketBytes: 30_000 },
  setting: {
    ...({ model: 'virtio-net', offloads: true } as const),
    ...{ mtu: 9_000, queues: 2, vcpus: 2, streams: 1 },
  },
  processor: { guest: 0.5, serving: 0.3 },
};

const PLANTED: Record<NetworkCauseName, Partial<NetworkObservation>> = {
  'nic-limit': { limit: 125e6 },
  'emulated-nic': { setting: { ...GOOD.setting, model: 'e1000' } },
  'small-frames': {
    setting: { ...GOOD.setting, offloads: false, mtu: 1_500 },
    packets: { packetsPerSecond: 10_000, meanPacketBytes: 1_514 },
  },
  'single-queue': {
    setting: { ...GOOD.setting, queues: 1, vcpus: 8 },
    processor: { guest: 0.4, serving: 0.97 },
  },
  'busy-server': { processor: { guest: 0.4, serving: 0.97 } },
  'starved-guest': { processor: { guest: 0.98, serving: 0.3 } },
  'waiting-guest': {},
};

for (const { name } of NETWORK_CAUSES) {
  test(`one cause of a slow card is planted and found: ${name}`, () => {
    const { cause, sentence, remedy } = explainNetwork({ ...GOOD, ...PLANTED[name] });
    assert.equal(cause?.name, name, sentence);
    assert.match(sentence, /^[A-Z].*\d.*\.$/);
    assert.match(remedy!, /\.$/);
  });
}

test('a card that carries what the path carries has no gap, and frames of 1,500 bytes alone are none', () => {
  const wide = { ...GOOD, guestRate: 235e6 };
  assert.equal(explainNetwork(wide).cause, undefined);
  assert.match(explainNetwork(wide).sentence, /98 % .* no gap/);
  const narrow = { ...wide, ...PLANTED['small-frames'] };
  assert.equal(explainNetwork(narrow).cause, undefined);
  assert.equal(explainNetwork({ ...GOOD, guestRate: 0 }).sentence, 'Nothing was sent.');
});
