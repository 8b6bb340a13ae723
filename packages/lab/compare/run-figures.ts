// Owns what one run is compared by: for each of its rows the figure, its ratio to the host, and which way is better. Pure.

import type { NetworkResult } from '../network/network-result.ts';
import { labelOf } from '../report/figures.ts';
import { nameOfNetworkRow } from '../report/network-tables.ts';
import type { RunReport } from '../report/run-report.ts';
import { TARGET_NAMES } from '../report/tables.ts';
import type { RowResult } from '../run/row-result.ts';
import type { Spread } from '../run/statistics.ts';

export type FigureUnit = 'MB/s' | 'Mb/s' | 'us';

export interface RowFigures {
  id: string;
  /** For people: where and how, whatever runs the guests. */
  name: string;
  /** `write, buffered`. */
  measure: string;
  unit: FigureUnit;
  /** Absent where the row was not measured. */
  value?: Spread;
  /** Absent on the host's own rows too. */
  ratio?: Spread;
  /** Of round trips, which are times. */
  isLessBetter: boolean;
  /** Why it was not measured. */
  reason?: string;
}

export type ComparedReport = Pick<RunReport, 'rows' | 'network'>;

/** In the report's order. */
export function figuresOfRun({ rows, network }: ComparedReport): RowFigures[] {
  return [...rows.map(figuresOfDisk), ...network.map(figuresOfNetwork)];
}

function figuresOfDisk(row: RowResult): RowFigures {
  const { id, vmm, target, direction, workload, spread, reason } = row;
  return {
    ...{ id, measure: `${direction}, ${workload}`, unit: 'MB/s', isLessBetter: false },
    name: vmm === 'none' ? `Host: ${TARGET_NAMES[target]}` : labelOf(row),
    ...(spread === undefined ? {} : { value: spread.mbps }),
    ...(spread?.ratio === undefined ? {} : { ratio: spread.ratio }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function figuresOfNetwork(row: NetworkResult): RowFigures {
  const { id, measure, spread, reason } = row;
  const isTrip = measure === 'round-trip';
  return {
    ...{ id, name: nameOfNetworkRow(row), measure: `network, ${measure}`, isLessBetter: isTrip },
    unit: isTrip ? 'us' : 'Mb/s',
    ...(spread === undefined ? {} : { value: spread.value }),
    ...(spread?.ratio === undefined ? {} : { ratio: spread.ratio }),
    ...(reason === undefined ? {} : { reason }),
  };
}
