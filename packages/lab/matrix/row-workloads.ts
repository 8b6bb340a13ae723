// Owns which workloads each configuration of the matrix is measured with, quickly and wholly. Pure.

import { groupOf, WORKLOADS, type Workload } from '../workloads/workload.ts';
import type { Configuration } from './configuration.ts';

/** Every configuration has dd; the other programs have the bare host, the paper's drivers and today's defaults. */
export function workloadsOf(configuration: Configuration, quick: boolean): Workload[] {
  return WORKLOADS.filter((workload) =>
    quick ? isQuick(configuration, workload) : isMeasured(configuration, workload),
  );
}

function isQuick(configuration: Configuration, workload: Workload): boolean {
  if (!configuration.isQuick) return false;
  if (workload === 'buffered') return true;
  return workload === 'hadoop' && isLocal(configuration) && hasManyWorkloads(configuration);
}

function isMeasured(configuration: Configuration, workload: Workload): boolean {
  switch (groupOf(workload)) {
    case 'dd':
      return true;
    case 'hadoop':
      return hasManyWorkloads(configuration);
    case 'fio':
      return hasManyWorkloads(configuration) && isLocal(configuration) && isOurs(configuration);
  }
}

/** The paper's Figure 3 has those of its drivers that a device was behind, Xen's and EC2's. */
function hasManyWorkloads({ vmm, paper, mark }: Configuration): boolean {
  if (vmm === 'none' || mark === 'ironbark-default') return true;
  return paper?.interface === 'phy' || paper?.driver === 'proprietary';
}

function isLocal({ target }: Configuration): boolean {
  return target === 'local-disk';
}

function isOurs({ reason }: Configuration): boolean {
  return reason === undefined;
}
