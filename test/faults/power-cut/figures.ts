// Owns the figures of a run of power cuts: how much was acknowledged, and that none of it was lost.

import type { Figure } from '../../support/figures.ts';
import type { PowerCutResult } from './power-cuts.ts';

export function powerCutFigures(
  store: string,
  cuts: number,
  { acknowledged, broken }: PowerCutResult,
): Figure[] {
  return [
    // A run in which nothing was acknowledged has shown nothing.
    { name: `${store}: acknowledged`, value: acknowledged, bar: 1, ok: acknowledged > 0 },
    {
      name: `${store}: lost, stale, torn or left over in ${cuts} cuts`,
      value: broken.length,
      bar: 0,
      ok: broken.length === 0,
    },
  ];
}
