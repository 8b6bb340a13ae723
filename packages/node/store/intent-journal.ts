// Owns the changes of the node's intent since it was written whole: a line for each document that came, with no more than
// what it changed. A document of 100,000 ports is 30 MB, and a launch changes one of them.
//
//   intent.json            all of it, of some generation
//   intent-changes.jsonl   CHECKSUM CHANGE, each counting from the generation of the line before; what counts from
//                          one before the file's is left over from a process that died, and is skipped

import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { InstanceId } from '@ironbark/core/ids.ts';
import {
  appendDurably,
  readKeptFile,
  removeFile,
  syncDirectory,
  syncFile,
} from '@ironbark/platform/files.ts';
import type {
  InstanceIntent,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import {
  type VpcChange,
  type VpcVersion,
  wholeVpcs,
} from '@ironbark/protocol/internal/vpc-changes.ts';

export interface StoredIntent {
  generation: number;
  subnets: SubnetIntent[];
  /** Absent in a document that was kept before there were any. */
  vpcs?: VpcIntent[];
  vpcVersions?: VpcVersion[];
  instances: InstanceIntent[];
}

export interface IntentChange {
  since: number;
  generation: number;
  /** Absent: as before. */
  subnets?: SubnetIntent[];
  /** As the document has them. */
  vpcs: VpcIntent[];
  vpcVersions: readonly VpcVersion[];
  vpcChanges: readonly VpcChange[];
  /** All, in their order; of those that are different what they are. */
  ids: InstanceId[];
  instances: InstanceIntent[];
}

const CHECKSUM_DIGITS = 8;

/** Less than this is not worth writing all of it again. */
const MIN_BYTES = 1024 * 1024;

export function applyIntentChange(known: StoredIntent, change: IntentChange): StoredIntent {
  const { vpcs = [], vpcVersions = [] } = known;
  const instances = new Map([...known.instances, ...change.instances].map((one) => [one.id, one]));
  return {
    generation: change.generation,
    subnets: change.subnets ?? known.subnets,
    ...wholeVpcs({ vpcs, vpcVersions }, change),
    instances: change.ids.map((id) => instances.get(id)!),
  };
}

export class IntentJournal {
  readonly #path: string;
  #bytes = 0;
  #wholeBytes = 0;
  /** Lines can be added: there is something that they count from, and the file ends with a line. */
  #isSound = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** What `whole`, of so many bytes, has become. Throws for a file that somebody else has changed. */
  async replay(whole: StoredIntent, wholeBytes: number): Promise<StoredIntent> {
    this.#wholeBytes = wholeBytes;
    this.#isSound = wholeBytes > 0;
    const bytes = await readKeptFile(this.#path);
    if (bytes === undefined) return whole;
    // A process that ended before its sync has left lines that a power cut would take back.
    await syncFile(this.#path);
    this.#bytes = bytes.length;
    const lines = bytes.toString('utf8').split('\n');
    const rest = lines.pop()!;
    // Its writer died, its disk was full, or the power went while it was written; nobody was told that it was kept, and the
    // front end sends it again.
    const last = lines.at(-1);
    if (last !== undefined && rest === '' && !isWhole(last)) lines.pop();
    this.#isSound &&= rest === '' && lines.at(-1) === last;
    const changes = lines.map((line) => this.#parse(line));
    return changes
      .filter(({ generation }) => generation > whole.generation)
      .reduce((known, change) => {
        if (change.since === known.generation) return applyIntentChange(known, change);
        throw this.#damaged();
      }, whole);
  }

  /** False, and nothing is written: it is time to write all of it. */
  async append(change: IntentChange): Promise<boolean> {
    if (!this.#isSound) return false;
    const text = JSON.stringify(change);
    const line = Buffer.from(`${checksum(text)} ${text}\n`);
    if (this.#bytes + line.length > Math.max(MIN_BYTES, this.#wholeBytes)) return false;
    // After a failure nobody knows what is there.
    this.#isSound = false;
    const handle = await open(this.#path, 'a', 0o600);
    try {
      await appendDurably(handle, line);
    } finally {
      await handle.close();
    }
    if (this.#bytes === 0) await syncDirectory(dirname(this.#path));
    this.#bytes += line.length;
    this.#isSound = true;
    return true;
  }

  /** All of it has been written, in so many bytes: what is here counts from before. */
  async clear(wholeBytes: number): Promise<void> {
    this.#isSound = false;
    await removeFile(this.#path);
    this.#bytes = 0;
    this.#wholeBytes = wholeBytes;
    this.#isSound = true;
  }

  #parse(line: string): IntentChange {
    if (!isWhole(line)) throw this.#damaged();
    return JSON.parse(textOf(line)) as IntentChange;
  }

  #damaged(): Error {
    return new Error(`${this.#path} is damaged: remove it, and the front end sends what it held`);
  }
}

function isWhole(line: string): boolean {
  return line.slice(0, CHECKSUM_DIGITS) === checksum(textOf(line));
}

function textOf(line: string): string {
  return line.slice(CHECKSUM_DIGITS + 1);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(CHECKSUM_DIGITS, '0');
}
