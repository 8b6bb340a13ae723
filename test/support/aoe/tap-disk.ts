// Owns a disk over AoE as a guest's driver has it, on a tap of this process's own: when the process dies, so does the wire,
// and nothing has to be put away. It sends each frame once: a wire that loses frames is another test's.

import { closeSync, constants, openSync } from 'node:fs';
import { receiveFrames, sendFrame } from '@ironbark/node/testing/frames.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { ioctl } from '@ironbark/platform/libc.ts';
import {
  ATA,
  DATA_OFFSET,
  parseAtaEnd,
  renderAta,
  SECTOR_BYTES,
  sectorsPerFrame,
} from '@ironbark/protocol/aoe/ata.ts';
import {
  BROADCAST_MAC,
  COMMAND,
  MIN_FRAME_BYTES,
  parseHeader,
  parseMac,
  renderHeader,
  VERSION,
} from '@ironbark/protocol/aoe/frame.ts';

const MTU_BYTES = 9_000;
const MAC = '02:1b:0a:0e:00:02';
const ANSWER_TIMEOUT_MS = 30_000;
/** An answer that waits for a disk's sync takes longer. */
const POLL_MS = 1;
/** From linux/if_tun.h: a tap without packet information, with the header that hypervisors use. */
const TUNSETIFF = 0x400454ca;
const TAP_FLAGS = 0x0002 | 0x1000 | 0x4000;
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_OFFSET = 16;
/** Of SET FEATURES; ATA/ATAPI-7, section 6.49. */
const WRITE_CACHE = { on: 0x02, off: 0x82 };

export interface DiskPlace {
  shelf: number;
  slot: number;
}

interface Asked {
  command: number;
  feature?: number;
  sector?: number;
  data?: Buffer;
}

export class TapDisk implements Disposable {
  readonly macAddress = MAC;
  readonly interfaceName: string;
  readonly #fd: number;
  readonly #place: DiskPlace;
  readonly #answers = new Map<number, boolean>();
  #tag = 0;

  private constructor(interfaceName: string, fd: number, place: DiskPlace) {
    this.interfaceName = interfaceName;
    this.#fd = fd;
    this.#place = place;
  }

  /** The wire, on which no target is yet. */
  static async plug(place: DiskPlace): Promise<TapDisk> {
    const name = `ibtap${process.pid}`;
    const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    const request = Buffer.alloc(IFREQ_BYTES);
    request.write(name, 'latin1');
    request.writeUInt16LE(TAP_FLAGS, IFREQ_FLAGS_OFFSET);
    ioctl(fd, TUNSETIFF, request, `TUNSETIFF ${name}`);
    await systemCommands.run('ip', ['link', 'set', name, 'mtu', `${MTU_BYTES}`, 'up']);
    return new TapDisk(name, fd, place);
  }

  /** Whole sectors, with as many frames under way as that takes; resolves once all are answered. */
  async write(offset: number, length: number, pattern: number): Promise<void> {
    const bytesAFrame = sectorsPerFrame(MTU_BYTES) * SECTOR_BYTES;
    const frames: Promise<void>[] = [];
    for (let done = 0; done < length; done += bytesAFrame) {
      const data = Buffer.alloc(Math.min(bytesAFrame, length - done), pattern);
      const sector = (offset + done) / SECTOR_BYTES;
      frames.push(this.#ask({ command: ATA.writeSectorsExt, sector, data }));
    }
    await Promise.all(frames);
  }

  flush(): Promise<void> {
    return this.#ask({ command: ATA.flushCacheExt });
  }

  /** `off`: what is answered counts. `on`: once it is flushed. The disk keeps this. */
  setWriteCache(to: 'on' | 'off'): Promise<void> {
    return this.#ask({ command: ATA.setFeatures, feature: WRITE_CACHE[to] });
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Resolves once the command is done; throws when it failed. */
  async #ask({ command, feature = 0, sector = 0, data = Buffer.alloc(0) }: Asked): Promise<void> {
    this.#tag += 1;
    const tag = this.#tag;
    const isWrite = data.length > 0;
    const frame = Buffer.alloc(Math.max(MIN_FRAME_BYTES, DATA_OFFSET + data.length));
    const addresses = { destination: BROADCAST_MAC, source: parseMac(MAC)!, ...this.#place };
    const kind = { version: VERSION, isResponse: false, error: 0, command: COMMAND.ata, tag };
    renderHeader(frame, { ...addresses, ...kind });
    const count = data.length / SECTOR_BYTES;
    renderAta(frame, { command, feature, count, lba: sector, isExtended: true, isWrite });
    data.copy(frame, DATA_OFFSET);
    sendFrame(this.#fd, frame);
    const timing = { clock: systemClock, timeoutMs: ANSWER_TIMEOUT_MS, intervalMs: POLL_MS };
    const isDone = await waitFor(() => this.#answerTo(tag), { ...timing, what: 'AoE’s answer' });
    if (isDone === 'failed') throw new Error(`AoE: ATA command ${command.toString(16)} failed`);
  }

  #answerTo(tag: number): 'done' | 'failed' | undefined {
    for (const frame of receiveFrames(this.#fd)) {
      const header = parseHeader(frame);
      if (header?.isResponse !== true) continue;
      this.#answers.set(header.tag, header.error === 0 && parseAtaEnd(frame)?.ok === true);
    }
    const isDone = this.#answers.get(tag);
    if (isDone === undefined) return undefined;
    this.#answers.delete(tag);
    return isDone ? 'done' : 'failed';
  }
}
