// Owns which rows of the matrix a run is asked for.

import { NETWORK_ROWS, type NetworkRow } from '../network/network-rows.ts';
import { directionsOf, groupOf, type Workload, type WorkloadGroup } from '../workloads/workload.ts';
import { type Configuration, configurationId, type MatrixRow } from './configuration.ts';
import { MATRIX } from './matrix.ts';
import { workloadsOf } from './row-workloads.ts';

export type SelectableWorkload = WorkloadGroup | 'network';

export interface Selection {
  /** The rows of the paper and the defaults. */
  quick: boolean;
  /** Parts of ids, `*` for anything between; all rows when empty. */
  patterns: readonly string[];
  /** All when absent. */
  workloads?: readonly SelectableWorkload[];
}

/** In the matrix' order; the rows of a configuration follow each other, written before read. */
export function selectRows({ quick, patterns, workloads }: Selection): MatrixRow[] {
  const rows = MATRIX.flatMap((each) => rowsOf(each, workloadsOf(each, quick)));
  const wanted = rows.filter(({ workload }) => isWanted(groupOf(workload), workloads));
  return wanted.filter(matcherOf(patterns));
}

export function selectNetworkRows({ quick, patterns, workloads }: Selection): NetworkRow[] {
  if (!isWanted('network', workloads)) return [];
  return NETWORK_ROWS.filter(({ isQuick }) => isQuick || !quick).filter(matcherOf(patterns));
}

function isWanted(group: SelectableWorkload, wanted: Selection['workloads']): boolean {
  return wanted === undefined || wanted.includes(group);
}

export function rowsOf(configuration: Configuration, workloads: readonly Workload[]): MatrixRow[] {
  const name = configurationId(configuration);
  return workloads.flatMap((workload) =>
    directionsOf(workload).map((direction) => ({
      id: `${name}/${direction}/${workload}`,
      configuration,
      direction,
      workload,
    })),
  );
}

function matcherOf(patterns: readonly string[]): (row: { id: string }) => boolean {
  const matchers = patterns.map(toMatcher);
  return ({ id }) => matchers.length === 0 || matchers.some((fits) => fits(id));
}

/** In the order of the letters, anywhere in the id. */
function toMatcher(pattern: string): (id: string) => boolean {
  const parts = pattern.split('*').filter((part) => part !== '');
  return (id) => {
    let at = 0;
    for (const part of parts) {
      const found = id.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return true;
  };
}
