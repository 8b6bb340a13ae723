// Owns what an interface of a name space has carried: packets and bytes both ways, and their sizes in an interval.

import type { Commands } from '@ironbark/platform/commands.ts';

export interface InterfaceCounters {
  receivedPackets: number;
  receivedBytes: number;
  sentPackets: number;
  sentBytes: number;
}

interface LinkRecord {
  stats64: Record<'rx' | 'tx', { bytes: number; packets: number }>;
}

/** As the kernel counts: what an offload has joined is one packet. */
export function parseCounters(text: string): InterfaceCounters {
  const [link] = JSON.parse(text) as LinkRecord[];
  const { rx, tx } = link!.stats64;
  return {
    receivedPackets: rx.packets,
    receivedBytes: rx.bytes,
    sentPackets: tx.packets,
    sentBytes: tx.bytes,
  };
}

export async function readCounters(
  commands: Commands,
  nameSpace: string,
  name: string,
): Promise<InterfaceCounters> {
  const { stdout } = await commands.run('ip', [
    ...['-n', nameSpace, '-j', '-s', 'link', 'show', 'dev', name],
  ]);
  return parseCounters(stdout);
}

export interface PacketFigures {
  /** Of the direction in which most bytes went; the answers of TCP go the other way. */
  packetsPerSecond: number;
  meanPacketBytes: number;
}

export function packetFigures(
  before: InterfaceCounters,
  after: InterfaceCounters,
  intervalMs: number,
): PacketFigures {
  const received = difference(after, before, 'receivedPackets', 'receivedBytes');
  const sent = difference(after, before, 'sentPackets', 'sentBytes');
  const { packets, bytes } = received.bytes > sent.bytes ? received : sent;
  return {
    packetsPerSecond: intervalMs > 0 ? (1_000 * packets) / intervalMs : 0,
    meanPacketBytes: packets === 0 ? 0 : bytes / packets,
  };
}

function difference(
  after: InterfaceCounters,
  before: InterfaceCounters,
  packets: keyof InterfaceCounters,
  bytes: keyof InterfaceCounters,
): { packets: number; bytes: number } {
  return { packets: after[packets] - before[packets], bytes: after[bytes] - before[bytes] };
}
