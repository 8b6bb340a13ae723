// Owns an AoE initiator in user space: single commands, and transfers with many frames under way. It asks again when
// no answer comes, as Linux's driver does, and takes no more at a time than the target says it takes.

import { createRequire } from 'node:module';
import {
  ATA,
  type AtaEnd,
  DATA_OFFSET,
  parseAtaEnd,
  renderAta,
  SECTOR_BYTES,
} from '@ironbark/protocol/aoe/ata.ts';
import { CONFIG, parseConfig, renderConfigQuestion } from '@ironbark/protocol/aoe/config-string.ts';
import {
  ANY_SHELF,
  ANY_SLOT,
  type AoeHeader,
  BROADCAST_MAC,
  COMMAND,
  type MacNumber,
  parseHeader,
  renderHeader,
  VERSION,
} from '@ironbark/protocol/aoe/frame.ts';
import { type DiskIdentity, parseIdentity } from '@ironbark/protocol/aoe/identify.ts';
import { BATCH, FramePort, type PortFacts } from '@ironbark/storage/drivers/aoe/frame-port.ts';
import { FRAME_BYTES, FrameSlots } from '@ironbark/storage/drivers/aoe/frame-slots.ts';

const TIMEOUT_MS = 200;
const ATTEMPTS = 25;

export interface Peer {
  mac: MacNumber;
  shelf: number;
  slot: number;
  bufferCount: number;
  maxSectors: number;
  config: Buffer;
}

export interface Reply {
  header: AoeHeader;
  frame: Buffer;
}

export interface Transfer {
  kind: 'read' | 'write';
  firstSector: number;
  sectors: number;
  /** Frames under way at a time; the target's own count is the limit. */
  window?: number;
  sectorsPerFrame?: number;
  /** Bytes of a write are put in, those of a read looked at. */
  data?: (sector: number, bytes: Buffer) => void;
}

export class AoeInitiator {
  readonly mac: MacNumber;
  resent = 0;
  readonly #slots = new FrameSlots(1_024);
  readonly #port: FramePort;
  readonly #facts: PortFacts;
  #tag = 1;

  constructor(facts: PortFacts) {
    this.#facts = facts;
    this.mac = facts.mac;
    this.#port = new FramePort(facts, this.#slots);
  }

  /** Every disk that answers within the time. */
  discover(waitMs = TIMEOUT_MS): Peer[] {
    const to = { mac: BROADCAST_MAC, shelf: ANY_SHELF, slot: ANY_SLOT };
    this.#send(to, COMMAND.config, (frame) =>
      renderConfigQuestion(frame, CONFIG.read, Buffer.alloc(0)),
    );
    const peers: Peer[] = [];
    while (this.#wait(waitMs)) {
      this.#port.receive((slot, length) => {
        const frame = this.#slots.frame(slot, length);
        const header = parseHeader(frame);
        const facts = parseConfig(frame);
        if (header?.isResponse === true && facts !== undefined) {
          const { source: mac, shelf, slot: place } = header;
          const { bufferCount, maxSectors, text } = facts;
          peers.push({ mac, shelf, slot: place, bufferCount, maxSectors, config: text });
        }
        this.#slots.give(slot);
      });
    }
    return peers;
  }

  identify(peer: Peer): DiskIdentity {
    const { frame } = this.ata(peer, { command: ATA.identify });
    const identity = parseIdentity(frame.subarray(DATA_OFFSET));
    if (identity === undefined) throw new Error('aoe: the identity’s sum is wrong');
    return identity;
  }

  /** One ATA command and its reply. */
  ata(
    peer: Peer,
    asked: { command: number; feature?: number; count?: number; lba?: number; data?: Buffer },
  ): Reply & { end: AtaEnd } {
    const { command, feature = 0, count = 1, lba = 0, data } = asked;
    const reply = this.ask(peer, COMMAND.ata, (frame) => {
      const isWrite = data !== undefined;
      renderAta(frame, { command, feature, count, lba, isExtended: true, isWrite });
      data?.copy(frame, DATA_OFFSET);
      return DATA_OFFSET + (data?.length ?? 0);
    });
    if (reply === undefined) throw new Error(`aoe: no answer to ATA ${command.toString(16)}`);
    return { ...reply, end: parseAtaEnd(reply.frame)! };
  }

  flush(peer: Peer): boolean {
    return this.ata(peer, { command: ATA.flushCacheExt }).end.ok;
  }

  /** Undefined when nobody answers, asked `attempts` times. */
  ask(
    peer: Pick<Peer, 'mac' | 'shelf' | 'slot'>,
    command: number,
    fill: (frame: Buffer) => number,
    attempts = ATTEMPTS,
  ): Reply | undefined {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const tag = this.#send(peer, command, fill);
      const reply = this.#receiveTag(tag);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  /** Sends bytes as they are, however wrong. */
  sendRaw(bytes: Buffer): void {
    const slot = this.#slots.take()!;
    bytes.copy(this.#slots.frame(slot, FRAME_BYTES));
    this.#port.queue(slot, bytes.length);
    this.#port.flush();
  }

  /** Moves sectors with many frames under way; throws when the disk reports a fault. */
  transfer(peer: Peer, transfer: Transfer): void {
    new RunningTransfer(peer, transfer, {
      port: this.#port,
      slots: this.#slots,
      nextTag: () => this.#nextTag(),
      header: (to) => this.#header(to, COMMAND.ata, 0),
      wait: (ms) => this.#wait(ms),
      resent: () => {
        this.resent += 1;
      },
    }).run();
  }

  #send(
    to: Pick<Peer, 'mac' | 'shelf' | 'slot'>,
    command: number,
    fill: (frame: Buffer) => number,
  ): number {
    const slot = this.#slots.take()!;
    const frame = this.#slots.frame(slot, FRAME_BYTES);
    const tag = this.#nextTag();
    frame.fill(0, 0, DATA_OFFSET);
    renderHeader(frame, this.#header(to, command, tag));
    this.#port.queue(slot, fill(frame));
    this.#port.flush();
    return tag;
  }

  #receiveTag(tag: number): Reply | undefined {
    let found: Reply | undefined;
    while (found === undefined && this.#wait(TIMEOUT_MS)) {
      this.#port.receive((slot, length) => {
        const frame = Buffer.from(this.#slots.frame(slot, length));
        this.#slots.give(slot);
        const header = parseHeader(frame);
        if (header?.isResponse === true && header.tag === tag) found = { header, frame };
      });
    }
    return found;
  }

  #header(to: Pick<Peer, 'mac' | 'shelf' | 'slot'>, command: number, tag: number): AoeHeader {
    const addresses = { destination: to.mac, source: this.mac, shelf: to.shelf, slot: to.slot };
    return { ...addresses, version: VERSION, isResponse: false, error: 0, command, tag };
  }

  #nextTag(): number {
    this.#tag = (this.#tag + 1) % 2 ** 31;
    return this.#tag;
  }

  /** Holds this whole process until something comes. */
  #wait(timeoutMs: number): boolean {
    return pollReadable(this.#facts.fd, timeoutMs);
  }
}

interface Machinery {
  port: FramePort;
  slots: FrameSlots;
  nextTag: () => number;
  header: (to: Peer) => AoeHeader;
  wait: (timeoutMs: number) => boolean;
  resent: () => void;
}

/** What differs from one frame of a transfer to the next (AoEr11, sections 2 and 3.1). */
const AT = { tag: 20, count: 26, lba: 28 };
const LBA_BYTES = 6;

interface Piece {
  sector: number;
  count: number;
}

class RunningTransfer {
  readonly #transfer: Transfer;
  readonly #machinery: Machinery;
  readonly #underWay = new Map<number, Piece>();
  readonly #window: number;
  readonly #perFrame: number;
  /** The headers of each frame but for its tag and its place. */
  readonly #template = Buffer.alloc(DATA_OFFSET);
  #next: number;

  constructor(peer: Peer, transfer: Transfer, machinery: Machinery) {
    this.#transfer = transfer;
    this.#machinery = machinery;
    this.#window = Math.min(transfer.window ?? peer.bufferCount, peer.bufferCount);
    this.#perFrame = Math.min(transfer.sectorsPerFrame ?? peer.maxSectors, peer.maxSectors);
    this.#next = transfer.firstSector;
    const isWrite = transfer.kind === 'write';
    const command = isWrite ? ATA.writeSectorsExt : ATA.readSectorsExt;
    renderHeader(this.#template, machinery.header(peer));
    const place = { feature: 0, count: 0, lba: 0, isExtended: true };
    renderAta(this.#template, { command, ...place, isWrite });
  }

  run(): void {
    const { firstSector, sectors } = this.#transfer;
    const end = firstSector + sectors;
    let silence = 0;
    while (this.#next < end || this.#underWay.size > 0) {
      this.#fill(end);
      if (this.#receive() > 0) silence = 0;
      else if (!this.#machinery.wait(TIMEOUT_MS)) {
        silence += 1;
        if (silence > ATTEMPTS) throw new Error('aoe: the target does not answer');
        this.#sendAgain();
      }
    }
  }

  #fill(end: number): void {
    while (this.#underWay.size < this.#window && this.#next < end) {
      const piece = { sector: this.#next, count: Math.min(this.#perFrame, end - this.#next) };
      this.#next += piece.count;
      this.#send(piece);
    }
    this.#machinery.port.flush();
  }

  #sendAgain(): void {
    const pieces = [...this.#underWay.values()];
    this.#underWay.clear();
    for (const piece of pieces) {
      this.#machinery.resent();
      this.#send(piece);
    }
    this.#machinery.port.flush();
  }

  #send(piece: Piece): void {
    const { kind, data } = this.#transfer;
    const { slots, port } = this.#machinery;
    const slot = slots.take()!;
    const bytes = kind === 'write' ? piece.count * SECTOR_BYTES : 0;
    const frame = slots.room(slot);
    const tag = this.#machinery.nextTag();
    this.#template.copy(frame);
    frame.writeUInt32BE(tag, AT.tag);
    frame[AT.count] = piece.count;
    frame.writeUIntLE(piece.sector, AT.lba, LBA_BYTES);
    if (bytes > 0) data?.(piece.sector, slots.data(slot, bytes));
    this.#underWay.set(tag, piece);
    port.queue(slot, DATA_OFFSET + bytes);
  }

  #receive(): number {
    const { port, slots } = this.#machinery;
    let useful = 0;
    for (let count = BATCH; count === BATCH; ) {
      count = port.receive((slot, length) => {
        useful += this.#take(slot, slots.frame(slot, length)) ? 1 : 0;
        slots.give(slot);
      });
    }
    return useful;
  }

  #take(slot: number, frame: Buffer): boolean {
    const header = parseHeader(frame);
    const piece = header?.isResponse === true ? this.#underWay.get(header.tag) : undefined;
    if (piece === undefined) return false;
    this.#underWay.delete(header!.tag);
    const end = parseAtaEnd(frame);
    if (header!.error !== 0 || end?.ok !== true) {
      throw new Error(`aoe: ${this.#transfer.kind} of sector ${piece.sector} failed`);
    }
    const bytes = piece.count * SECTOR_BYTES;
    if (this.#transfer.kind === 'read') {
      if (frame.length < DATA_OFFSET + bytes) throw new Error('aoe: a reply is too short');
      this.#transfer.data?.(piece.sector, this.#machinery.slots.data(slot, bytes));
    }
    return true;
  }
}

type Poll = (entries: Buffer, count: number, timeoutMs: number) => number;
let poll: Poll | undefined;
const POLLIN = 1;

function pollReadable(fd: number, timeoutMs: number): boolean {
  poll ??= loadPoll();
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd);
  entry.writeInt16LE(POLLIN, 4);
  return poll(entry, 1, timeoutMs) > 0;
}

function loadPoll(): Poll {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = koffi.load('libc.so.6');
  return library.func('int poll(void *entries, unsigned long count, int timeout)') as Poll;
}
