// Owns row 12 over TCP: writes with a few in flight to a volume on another end of a wire, through a gate with TLS and
// through the target of a guest that drives the volume itself. QEMU's server before 8.0 gets a twentieth of the wire.

import { GateLab, VOLUME } from '../../support/gate-lab.ts';
import { GuestDiskLab } from '../../support/guest-disk-lab.ts';
import { bestShare, WIRE_BAR } from '../../support/wire-writes.ts';
import { atLeast, type BlockRow } from './rows.ts';

const DEPTHS = [2, 4];
/** A place in the subnet. */
const GUEST = 5;

export async function measureTcp(tries: number): Promise<BlockRow[]> {
  return [...(await measureGate(tries)), ...(await measureGuestTarget(tries))];
}

async function measureGate(tries: number): Promise<BlockRow[]> {
  await using lab = await GateLab.make();
  const gate = await lab.gates.open(VOLUME, lab.place);
  return await rowsOf('gate with TLS', tries, (depth) => lab.measureWrites(gate, depth));
}

async function measureGuestTarget(tries: number): Promise<BlockRow[]> {
  await using lab = await GuestDiskLab.make('bench');
  await lab.plug(GUEST);
  const { nbd } = await lab.open(1, GUEST, 'nbd');
  return await rowsOf('target of a guest', tries, (depth) =>
    lab.measureWrites(GUEST, nbd!.key, depth),
  );
}

async function rowsOf(
  what: string,
  tries: number,
  measure: (depth: number) => Promise<number>,
): Promise<BlockRow[]> {
  const rows: BlockRow[] = [];
  for (const depth of DEPTHS) {
    const value = await bestShare(() => measure(depth), tries);
    const name = `${what}, write 64k QD${depth} over TCP, of the wire`;
    rows.push(atLeast({ row: 'tcp', isHard: true }, name, { value, bar: WIRE_BAR }));
  }
  return rows;
}
