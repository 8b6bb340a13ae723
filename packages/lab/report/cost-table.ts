// Owns the table of what each row cost its host: how long a request was at the disk, and what processors, interrupts and
// exits a transfer took. Pure.

import type { NetworkResult } from '../network/network-result.ts';
import type { RowResult } from '../run/row-result.ts';
import type { HostWork } from '../seen/host-work.ts';
import { isFio } from '../workloads/workload.ts';
import { nicName, PEER_NAMES } from './network-tables.ts';
import type { RunReport } from './run-report.ts';
import { markOf, renderShare, TARGET_NAMES, VMM_NAMES } from './tables.ts';

const COSTS = ['GUEST CPU', 'QEMU', 'HOST CPU', 'INTERRUPTS/S', 'EXITS/S'];

/** None where nothing of it was measured. */
export function costTablesOf({ rows, network }: Pick<RunReport, 'rows' | 'network'>): CostTable[] {
  return [
    tableOf(
      'What the rows cost the host',
      ['VMM', 'TARGET', 'DRIVER/INTERFACE', 'WORK', 'DISK MS', ...COSTS],
      rows.filter(isMeasured).map(diskCells),
    ),
    tableOf(
      'What the network’s rows cost the host',
      ['NIC', 'PATH', 'WORK', ...COSTS],
      network.filter(isMeasured).map(networkCells),
    ),
  ].filter(({ rows: cells }) => cells.length > 0);
}

interface CostTable {
  title: string;
  headings: string[];
  rows: string[][];
  notes: [];
  hasPaper: false;
}

function tableOf(title: string, headings: string[], rows: string[][]): CostTable {
  return { title, headings, rows, notes: [], hasPaper: false };
}

function isMeasured({ work }: { work?: HostWork }): boolean {
  return work !== undefined;
}

function diskCells(row: RowResult): string[] {
  const { requestMs, guestBusy, servingBusy, work, workload, direction } = row;
  const job = isFio(workload) ? workload.replace('fio-', '') : workload;
  return [
    ...[VMM_NAMES[row.vmm], TARGET_NAMES[row.target], `${row.setting}${markOf(row)}`],
    `${job}, ${direction}`,
    requestMs === undefined ? '–' : requestMs.toFixed(2),
    ...[shareOrNone(guestBusy), shareOrNone(servingBusy), ...workCells(work!)],
  ];
}

function networkCells(row: NetworkResult): string[] {
  const { processor, work, measure, streams } = row;
  return [
    ...[nicName(row), PEER_NAMES[row.peer]],
    measure === 'round-trip' ? measure : `${measure}, ${streams}`,
    ...[shareOrNone(processor?.guest), shareOrNone(processor?.serving), ...workCells(work!)],
  ];
}

/** Emulated guests have no exits. */
function workCells({ processors, interruptsPerSecond, exitsPerSecond }: HostWork): string[] {
  return [
    renderShare(processors),
    interruptsPerSecond.toFixed(0),
    exitsPerSecond === undefined ? '–' : exitsPerSecond.toFixed(0),
  ];
}

function shareOrNone(share: number | undefined): string {
  return share === undefined ? '–' : renderShare(share);
}
