// Owns the lab's network matrix as data: which card, to whom, which way, by how many streams; and what the paper says of
// it. Its Figure 4 is a drawing, so only what its text says is known.

import type { NicProfile } from '@ironbark/core/io-profile.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';

/** `none`: the same path from a name space of the host. */
export type NetworkNic = 'none' | 'e1000' | 'virtio-net' | 'virtio-net-plain';
/** `host`: the paper's driver domain; `other-host`: its front end, behind the wire. */
export type NetworkPeer = 'host' | 'other-host';
export type NetworkMeasure = 'transmit' | 'receive' | 'round-trip';

export interface NetworkRow {
  id: string;
  nic: NetworkNic;
  peer: NetworkPeer;
  measure: NetworkMeasure;
  /** 1 for round trips. */
  streams: number;
  /** Of the guest's card; the wire's own when absent. */
  mtu?: number;
  /** (*) Eucalyptus', (+) Ironbark's. */
  mark?: 'paper-default' | 'ironbark-default';
  paper?: PaperNetworkValues;
  isQuick: boolean;
}

/** Of a bare machine that reached 940 Mb/s both ways. */
export interface PaperNetworkValues {
  megabitsPerSecond: number;
  ratio?: number;
  /** It is known only that the paper's rate was not above this one. */
  isAtMost: boolean;
}

/** "A max application-level TCP throughput of 940Mb/s for both transmit and receive." */
export const PAPER_WIRE_MBITS = 940;
/** Out of the box, to another host: of transmit and of receive. */
const PAPER_SHARES = { transmit: 0.71, receive: 0.45 };
/** To the driver domain, by any driver. */
const PAPER_MOST_TO_HOST_MBITS = 700;

const MANY_STREAMS = 4;
const NARROW_MTU = 1_500;
const PEERS: readonly NetworkPeer[] = ['host', 'other-host'];

interface Card {
  nic: NetworkNic;
  mark?: NonNullable<NetworkRow['mark']>;
  mtu?: number;
  isQuick: boolean;
}

/** The node's own default is the paravirtual card, with the usual frames. */
const CARDS: readonly Card[] = [
  { nic: 'none', isQuick: true },
  { nic: 'e1000', mark: 'paper-default', isQuick: true },
  { nic: 'virtio-net', isQuick: true },
  { nic: 'virtio-net', mtu: PARAVIRTUAL.mtu, mark: 'ironbark-default', isQuick: true },
  { nic: 'e1000', mtu: NARROW_MTU, isQuick: false },
  { nic: 'virtio-net-plain', isQuick: false },
  { nic: 'virtio-net-plain', mtu: NARROW_MTU, isQuick: false },
];

export const NETWORK_ROWS: readonly NetworkRow[] = PEERS.flatMap((peer) =>
  CARDS.flatMap((card) => [
    ...(['transmit', 'receive'] as const).flatMap((measure) => [
      rowOf(card, peer, measure, 1),
      rowOf({ ...card, isQuick: false }, peer, measure, MANY_STREAMS),
    ]),
    rowOf(card, peer, 'round-trip', 1),
  ]),
);

function rowOf(
  { nic, mtu, mark, isQuick }: Card,
  peer: NetworkPeer,
  measure: NetworkMeasure,
  streams: number,
): NetworkRow {
  const card = mtu === undefined ? nic : `${nic}+mtu-${mtu}`;
  const how = measure === 'round-trip' ? measure : `${measure}/${streams}`;
  const row = { nic, peer, measure, streams, isQuick };
  const paper = paperValuesOf(row);
  return {
    id: `network/${peer}/${card}/${how}`,
    ...row,
    ...(mtu === undefined ? {} : { mtu }),
    ...(mark === undefined ? {} : { mark }),
    ...(paper === undefined || mtu !== undefined ? {} : { paper }),
  };
}

function paperValuesOf({
  nic,
  peer,
  measure,
  streams,
}: Pick<NetworkRow, 'nic' | 'peer' | 'measure' | 'streams'>): PaperNetworkValues | undefined {
  if (measure === 'round-trip' || streams > 1) return undefined;
  if (nic === 'none') {
    return peer === 'host'
      ? undefined
      : { megabitsPerSecond: PAPER_WIRE_MBITS, ratio: 1, isAtMost: false };
  }
  if (nic === 'virtio-net-plain') return undefined;
  if (peer === 'host') return { megabitsPerSecond: PAPER_MOST_TO_HOST_MBITS, isAtMost: true };
  if (nic !== 'e1000') return { megabitsPerSecond: PAPER_WIRE_MBITS, isAtMost: true };
  const ratio = PAPER_SHARES[measure];
  return { megabitsPerSecond: ratio * PAPER_WIRE_MBITS, ratio, isAtMost: false };
}

/** What the row is held against. */
export function isBaselineOf(base: NetworkRow, row: NetworkRow): boolean {
  return (
    base.nic === 'none' &&
    base.peer === row.peer &&
    base.measure === row.measure &&
    base.streams === row.streams
  );
}

/** `of`: rows that are wanted; those that they are held against come first. */
export function withBaselines(of: readonly NetworkRow[]): NetworkRow[] {
  const missing = NETWORK_ROWS.filter(
    (base) => !of.includes(base) && of.some((row) => row.nic !== 'none' && isBaselineOf(base, row)),
  );
  return [...missing, ...of];
}

/** The card itself, whatever its frames: what the guest is shown. */
export function modelOf(nic: Exclude<NetworkNic, 'none'>): NicProfile['model'] {
  return nic === 'e1000' ? 'e1000' : 'virtio-net';
}
