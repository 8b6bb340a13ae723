// Owns the row of the paper's own EBS path on a test host: a volume that the host's kernel opens, and that the guest has
// as a whole device, beside the host's own access to it.

import { median } from '@ironbark/lab/run/statistics.ts';
import { type Figure, ratioFigure } from '../support/figures.ts';
import { builtLabGuest } from '../support/lab-guest-files.ts';
import type { TestHost } from '../support/test-host/test-host.ts';

const TIMEOUT_MS = 240_000;

type Rates = Record<'aoe' | 'nbd', Record<'read' | 'write', { host: number[]; guest: number[] }>>;

/** An exit costs more than on hardware, so the ratios are shown and nothing is asked of them. */
export async function compareInitiators(host: TestHost): Promise<Figure[]> {
  const { kernel, initrd } = await builtLabGuest();
  const script = 'test/test-host/inside/kernel-initiators.ts';
  const files = [host.imagePath(kernel), host.imagePath(initrd)];
  const { stdout } = await host.run(['node', script, ...files], { timeoutMs: TIMEOUT_MS });
  const rates = JSON.parse(stdout) as Rates;
  return (['aoe', 'nbd'] as const).flatMap((way) =>
    (['read', 'write'] as const).map((direction) => {
      const { host: own, guest } = rates[way][direction];
      const shown = [own, guest].map((each) => median(each).toFixed(1));
      console.error(`${way} ${direction}: host ${shown[0]} MB/s, guest ${shown[1]} MB/s`);
      const ratios = guest.map((rate, round) => rate / own[round]!);
      return ratioFigure(`${way} opened by the host, ${direction}, guest to host`, ratios);
    }),
  );
}
