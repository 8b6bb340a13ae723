// Owns the network's tables: what the paper's Figure 4 draws, with the packets that the host saw beside each figure. Pure.

import type { NetworkResult } from '../network/network-result.ts';
import type { NetworkNic, NetworkPeer } from '../network/network-rows.ts';
import type { Spread } from '../run/statistics.ts';
import { groupNotes, type LabTable, noteOf, renderShare, renderSpread } from './tables.ts';

const STREAM_HEADINGS = [
  ...['NIC', 'PATH', 'STREAMS', 'MB/S', 'PACKETS/S', 'BYTES EACH', 'GUEST CPU', 'QEMU', 'OF HOST'],
  ...['PAPER: MB/S', 'OF HOST'],
].map((heading) => heading.replace('MB/S', 'Mb/S'));

const TRIP_HEADINGS = ['NIC', 'PATH', 'FRAMES', 'US, MEDIAN', 'US, 99 %', 'A SECOND', 'OF HOST'];

export const NIC_NAMES: Readonly<Record<NetworkNic, string>> = {
  none: 'No guest',
  e1000: 'e1000',
  'virtio-net': 'virtio-net',
  'virtio-net-plain': 'virtio-net without offloads',
};

export const PEER_NAMES: Readonly<Record<NetworkPeer, string>> = {
  host: 'to the host',
  'other-host': 'to another host',
};

export function networkTablesOf(rows: readonly NetworkResult[]): LabTable[] {
  const tables: LabTable[] = [];
  for (const measure of ['transmit', 'receive'] as const) {
    const own = rows.filter((row) => row.measure === measure);
    if (own.length > 0) tables.push(streamTable(measure, own));
  }
  const trips = rows.filter(({ measure }) => measure === 'round-trip');
  if (trips.length > 0) tables.push(tripTable(trips));
  return tables;
}

function streamTable(measure: 'transmit' | 'receive', rows: readonly NetworkResult[]): LabTable {
  return {
    title: `Network, ${measure}: TCP between the guest and the host or another one`,
    headings: STREAM_HEADINGS,
    rows: rows.map(streamCells),
    notes: groupNotes(rows.map((row) => ({ name: nameOfNetworkRow(row), note: noteOf(row) }))),
    hasPaper: true,
  };
}

function tripTable(rows: readonly NetworkResult[]): LabTable {
  return {
    title: 'Network, request and response of one byte, one after the other',
    headings: TRIP_HEADINGS,
    rows: rows.map(tripCells),
    notes: groupNotes(rows.map((row) => ({ name: nameOfNetworkRow(row), note: noteOf(row) }))),
    hasPaper: false,
  };
}

export function nicName({ nic, mtu, mark }: NetworkResult): string {
  const star = mark === undefined ? '' : mark === 'ironbark-default' ? ' (+)' : ' (*)';
  return nic === 'none' ? NIC_NAMES.none : `${NIC_NAMES[nic]}, frames of ${mtu}${star}`;
}

export function nameOfNetworkRow(row: NetworkResult): string {
  const streams = row.measure === 'round-trip' ? '' : `, ${row.streams} at a time`;
  return `${nicName(row)}, ${PEER_NAMES[row.peer]}${streams}`;
}

function streamCells(row: NetworkResult): string[] {
  const { packets, processor, paper, spread } = row;
  return [
    ...[nicName(row), PEER_NAMES[row.peer], String(row.streams)],
    spread === undefined ? '–' : renderSpread(spread.value, renderWhole),
    ...(packets === undefined
      ? ['–', '–']
      : [packets.packetsPerSecond.toFixed(0), packets.meanPacketBytes.toFixed(0)]),
    ...(processor === undefined
      ? ['–', '–']
      : [renderShare(processor.guest), renderShare(processor.serving)]),
    renderRatio(spread?.ratio),
    ...(paper === undefined
      ? ['', '']
      : [
          `${paper.isAtMost ? 'at most ' : ''}${renderWhole(paper.megabitsPerSecond)}`,
          paper.ratio === undefined ? '–' : renderShare(paper.ratio),
        ]),
  ];
}

function tripCells(row: NetworkResult): string[] {
  const { roundTrip, spread } = row;
  return [
    ...[nicName(row), PEER_NAMES[row.peer], String(row.mtu)],
    spread === undefined ? '–' : renderSpread(spread.value, renderWhole),
    roundTrip === undefined ? '–' : renderWhole(roundTrip.p99Us),
    roundTrip === undefined ? '–' : renderWhole(roundTrip.perSecond),
    spread?.ratio === undefined
      ? '–'
      : renderSpread(spread.ratio, (ratio) => `${ratio.toFixed(1)} times`),
  ];
}

function renderRatio(ratio: Spread | undefined): string {
  return ratio === undefined ? '–' : renderSpread(ratio, renderShare);
}

function renderWhole(value: number): string {
  return value.toFixed(0);
}
