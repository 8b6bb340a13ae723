// Owns which rows of the matrix a run is asked for.

import type { Direction } from '../paper/paper-rows.ts';
import {
  type Configuration,
  configurationId,
  type MatrixRow,
  type Workload,
} from './configuration.ts';
import { MATRIX } from './matrix.ts';

export interface Selection {
  /** The rows of the paper and the defaults, through the page cache. */
  quick: boolean;
  /** Parts of ids, `*` for anything between; all rows when empty. */
  patterns: readonly string[];
}

const DIRECTIONS: readonly Direction[] = ['write', 'read'];

/** In the matrix' order; the rows of a configuration follow each other, written before read. */
export function selectRows({ quick, patterns }: Selection): MatrixRow[] {
  const workloads: Workload[] = quick ? ['buffered'] : ['buffered', 'direct'];
  const wanted = MATRIX.filter(({ isQuick }) => isQuick || !quick);
  const rows = wanted.flatMap((each) => rowsOf(each, workloads));
  const matchers = patterns.map(toMatcher);
  return matchers.length === 0 ? rows : rows.filter(({ id }) => matchers.some((fits) => fits(id)));
}

export function rowsOf(configuration: Configuration, workloads: readonly Workload[]): MatrixRow[] {
  const name = configurationId(configuration);
  return workloads.flatMap((workload) =>
    DIRECTIONS.map((direction) => ({
      id: `${name}/${direction}/${workload}`,
      configuration,
      direction,
      workload,
    })),
  );
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
