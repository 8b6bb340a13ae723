// Owns what a run comes to in a few sentences: the defaults of 2010 and today's, each beside the host itself. Pure.

import type { NetworkResult } from '../network/network-result.ts';
import type { RowResult } from '../run/row-result.ts';
import type { RunReport } from './run-report.ts';
import { renderShare } from './tables.ts';

type Measured = Pick<RunReport, 'rows' | 'network'>;

/** Each a whole sentence; what was not measured is left out. */
export function summaryOf({ rows, network }: Measured): string[] {
  const disk = (mark: RowResult['mark'], target: RowResult['target']) =>
    rows.filter((row) => row.mark === mark && row.target === target && row.workload === 'buffered');
  const nic = network.filter(
    ({ mark, peer, streams }) =>
      mark === 'ironbark-default' && peer === 'other-host' && streams === 1,
  );
  const all = [...rows, ...network];
  const measured = all.filter(({ reason }) => reason === undefined).length;
  const missing = all.length - measured;
  return [
    ...sayDisk('Eucalyptus’ default of 2010, a sparse file', disk('paper-kvm-2010', 'sparse-file')),
    ...sayDisk('Ironbark’s default, a local disk', disk('ironbark-default', 'local-disk')),
    ...sayDisk('Ironbark’s default, a networked volume', disk('ironbark-default', 'volume')),
    ...sayNic('Ironbark’s default, a network card and another host', nic),
    `${measured} rows were measured${missing === 0 ? '' : `; ${missing} were not, and say why`}.`,
  ];
}

function sayDisk(name: string, rows: readonly RowResult[]): string[] {
  const of = (direction: RowResult['direction']) =>
    rows.find((row) => row.direction === direction && row.ratio !== undefined);
  const [write, read] = [of('write'), of('read')];
  if (write === undefined && read === undefined) return [];
  const paper = joined('written', write?.paper?.ratio, 'read', read?.paper?.ratio);
  const beside = paper === '' ? '' : ` (the paper: ${paper})`;
  const own = joined('written', write?.ratio, 'read', read?.ratio);
  return [`${name}: ${own} of what the host itself gets${beside}.`];
}

function sayNic(name: string, rows: readonly NetworkResult[]): string[] {
  const of = (measure: NetworkResult['measure']) =>
    rows.find((row) => row.measure === measure)?.ratio;
  const own = joined('sent', of('transmit'), 'received', of('receive'));
  return own === '' ? [] : [`${name}: ${own} of what the same path carries without a guest.`];
}

function joined(
  one: string,
  share: number | undefined,
  other: string,
  otherShare: number | undefined,
): string {
  const parts = [
    share === undefined ? '' : `${renderShare(share)} ${one}`,
    otherShare === undefined ? '' : `${renderShare(otherShare)} ${other}`,
  ];
  return parts.filter((part) => part !== '').join(' and ');
}
