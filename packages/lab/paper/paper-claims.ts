// Owns what the paper's text says in percent, beside the same from its tables' raw values: in three places they differ.

import { bareRateOf, type Direction, type PaperRow, paperTable } from './paper-rows.ts';

export interface PaperClaim {
  what: string;
  /** As the text has it; for a loss, what is lost. */
  said: number;
  unit: 'percent lost' | 'percent reached' | 'sectors';
  /** From the tables, unrounded. */
  computed: number;
}

/** The text rounds, and says `about` and `almost`. */
const ROUNDING = 1.5;

export function paperClaims(): PaperClaim[] {
  return [
    lost('default local write', 98, find('write', 'kvm', 'local-file')),
    lost('default local read', 38, find('read', 'kvm', 'local-file')),
    // The text takes Xen's default as the best one.
    reached('best default local write', 51, find('write', 'xen', 'local-file')),
    reached('best default local read', 77, find('read', 'xen', 'local-file')),
    // Figure 2's control is the bare machine's local disk, for EBS too.
    lostOfLocal('default EBS write', 83, find('write', 'kvm', 'ebs')),
    lostOfLocal('default EBS read', 54, find('read', 'kvm', 'ebs')),
    lost('EBS write under KVM', 68, bestOf('write', 'kvm', 'ebs')),
    lost('EBS read under KVM', 10, bestOf('read', 'kvm', 'ebs')),
    {
      what: 'request of a write to a sparse file',
      said: 15,
      unit: 'sectors',
      computed: find('write', 'kvm', 'local-file').seen!.requestSectors,
    },
  ];
}

export function disagrees({ said, computed }: PaperClaim): boolean {
  return Math.abs(said - computed) > ROUNDING;
}

/** What a row reaches of the bare machine, 0 to 1. */
export function shareOf(row: PaperRow): number | undefined {
  const bare = bareRateOf(row);
  return bare === undefined ? undefined : row.mbps / bare;
}

function lost(what: string, said: number, row: PaperRow): PaperClaim {
  return { what, said, unit: 'percent lost', computed: 100 * (1 - shareOf(row)!) };
}

function lostOfLocal(what: string, said: number, row: PaperRow): PaperClaim {
  const bare = bareRateOf({ ...row, target: 'local-disk' })!;
  return { what, said, unit: 'percent lost', computed: 100 * (1 - row.mbps / bare) };
}

function reached(what: string, said: number, row: PaperRow): PaperClaim {
  return { what, said, unit: 'percent reached', computed: 100 * shareOf(row)! };
}

function rowsOf(direction: Direction, vmm: PaperRow['vmm'], target: PaperRow['target']) {
  return paperTable(direction).filter((row) => row.vmm === vmm && row.target === target);
}

function find(direction: Direction, vmm: PaperRow['vmm'], target: PaperRow['target']): PaperRow {
  return rowsOf(direction, vmm, target)[0]!;
}

function bestOf(direction: Direction, vmm: PaperRow['vmm'], target: PaperRow['target']): PaperRow {
  return rowsOf(direction, vmm, target).toSorted((a, b) => b.mbps - a.mbps)[0]!;
}
