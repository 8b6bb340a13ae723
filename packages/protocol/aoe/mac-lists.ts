// Owns the two lists of addresses that an initiator may leave on a target: the MAC mask list (AoEr11, section 3.3), who
// is answered at all, and the reserve list (section 3.4), who may give ATA commands. An empty list leaves out nobody.

import { ERROR, HEADER_BYTES, type MacNumber } from './frame.ts';

/** What a frame of 1,500 bytes holds, so that a list can always be read back. */
export const MAX_LIST = 180;
const MAC_BYTES = 6;

export type ListOutcome =
  | { kind: 'reply' }
  | { kind: 'replace'; list: MacNumber[] }
  | { kind: 'error'; error: number };

const MASK_AT = { command: 25, error: 26, count: 27, directives: HEADER_BYTES + 4 };
const DIRECTIVE_BYTES = 8;
export const MASK = { read: 0, edit: 1 } as const;
export const DIRECTIVE = { none: 0, add: 1, remove: 2 } as const;
export const MASK_ERROR = { none: 0, badDirective: 2, full: 3 } as const;

export type MaskOutcome = ListOutcome | { kind: 'refused'; maskError: number };

/** An edit holds as a whole or not at all. */
export function planMasks(frame: Buffer, current: readonly MacNumber[]): MaskOutcome {
  if (frame.length < MASK_AT.directives) return { kind: 'error', error: ERROR.badArgument };
  const command = frame[MASK_AT.command]!;
  if (command === MASK.read) return { kind: 'reply' };
  const count = frame[MASK_AT.count]!;
  if (command !== MASK.edit || MASK_AT.directives + count * DIRECTIVE_BYTES > frame.length) {
    return { kind: 'error', error: ERROR.badArgument };
  }
  const list = new Set(current);
  for (let index = 0; index < count; index += 1) {
    const at = MASK_AT.directives + index * DIRECTIVE_BYTES;
    const directive = frame[at + 1]!;
    const mac = frame.readUIntBE(at + 2, MAC_BYTES);
    if (directive === DIRECTIVE.add) list.add(mac);
    else if (directive === DIRECTIVE.remove) list.delete(mac);
    else if (directive !== DIRECTIVE.none)
      return { kind: 'refused', maskError: MASK_ERROR.badDirective };
    if (list.size > MAX_LIST) return { kind: 'refused', maskError: MASK_ERROR.full };
  }
  return { kind: 'replace', list: [...list] };
}

/** The whole list into a frame that has room for it; gives the frame's length. */
export function renderMasks(frame: Buffer, list: readonly MacNumber[], maskError = 0): number {
  frame[MASK_AT.error] = maskError;
  frame[MASK_AT.count] = list.length;
  for (const [index, mac] of list.entries()) {
    const at = MASK_AT.directives + index * DIRECTIVE_BYTES;
    frame[at] = 0;
    frame[at + 1] = DIRECTIVE.none;
    frame.writeUIntBE(mac, at + 2, MAC_BYTES);
  }
  return MASK_AT.directives + list.length * DIRECTIVE_BYTES;
}

const RESERVE_AT = { command: 24, count: 25, macs: HEADER_BYTES + 2 };
export const RESERVE = { read: 0, set: 1, forceSet: 2 } as const;

/** Whoever is not on the list that is there changes it only by force. */
export function planReserve(
  frame: Buffer,
  current: readonly MacNumber[],
  source: MacNumber,
): ListOutcome {
  if (frame.length < RESERVE_AT.macs) return { kind: 'error', error: ERROR.badArgument };
  const command = frame[RESERVE_AT.command]!;
  if (command === RESERVE.read) return { kind: 'reply' };
  const count = frame[RESERVE_AT.count]!;
  const isKnown = command === RESERVE.set || command === RESERVE.forceSet;
  if (!isKnown || RESERVE_AT.macs + count * MAC_BYTES > frame.length) {
    return { kind: 'error', error: ERROR.badArgument };
  }
  if (command === RESERVE.set && !mayCommand(current, source)) {
    return { kind: 'error', error: ERROR.reserved };
  }
  const list = Array.from({ length: count }, (_, index) =>
    frame.readUIntBE(RESERVE_AT.macs + index * MAC_BYTES, MAC_BYTES),
  );
  return { kind: 'replace', list: [...new Set(list)] };
}

export function renderReserve(frame: Buffer, list: readonly MacNumber[]): number {
  frame[RESERVE_AT.count] = list.length;
  for (const [index, mac] of list.entries()) {
    frame.writeUIntBE(mac, RESERVE_AT.macs + index * MAC_BYTES, MAC_BYTES);
  }
  return RESERVE_AT.macs + list.length * MAC_BYTES;
}

export function mayCommand(list: readonly MacNumber[], source: MacNumber): boolean {
  return list.length === 0 || list.includes(source);
}
