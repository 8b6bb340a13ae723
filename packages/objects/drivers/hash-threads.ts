// Owns the threads that digest what is large, beside the event loop: MD5 alone takes longer than all else of a PUT. They
// begin when there is something to do, and see blocks (platform/blocks.ts) without a copy.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { MIB } from '@ironbark/core/units.ts';
import { loadIntoMemory } from '@ironbark/platform/memory-module.ts';
import { type DigestAlgorithm, DigestSet, type Digests } from '@ironbark/protocol/s3/checksums.ts';
import { type SumKind, sumOf } from './block-sums.ts';
import type { HashAnswer, HashTask } from './hash-thread.ts';

/** Below, handing bytes over and waiting for a turn costs more than it saves. */
export const THREADED_BYTES = 4 * MIB;
/** More hash faster than disks and sockets carry. */
const MAX_THREADS = 4;
/**
 * Collects sooner what shared memory the process has lost (platform/blocks.ts): after 5,000 lost blocks a process had grown
 * to 1.4 GiB, and to 2 GiB with Node's default. Tasks leave nothing behind that lasts.
 */
const LIMITS = { maxYoungGenerationSizeMb: 1 };

let program: URL | undefined;

/** To be called before the process leaves the files of its own program behind; otherwise it is done when it is needed. */
export function loadHashing(): URL {
  program ??= loadIntoMemory(new URL('./hash-thread.ts', import.meta.url));
  return program;
}

/** Digests over one pass of bytes that come in blocks. Dispose it, whether it was finished or not. */
export interface RunningDigests extends Disposable {
  /**
   * The next bytes; answers their sum, by default their CRC-32. They must not change before it resolves; the next ones may be
   * given before.
   */
  update(bytes: Uint8Array, sum?: SumKind): Promise<number>;
  /** Once, after the last bytes. */
  finish(): Promise<Digests>;
}

export class HashThreads implements AsyncDisposable {
  readonly #threads = new Set<HashThread>();
  readonly #most = Math.min(availableParallelism(), MAX_THREADS);
  #lastStream = 0;
  /** The host gives no threads: then all is done here. Who asked first was told of the failure. */
  #haveFailed = false;
  #isDisposed = false;

  /** CRC-32. */
  async crcOf(bytes: Uint8Array): Promise<number> {
    if (this.#haveFailed) return crc32(bytes);
    try {
      return (await this.#choose().ask({ kind: 'crc', bytes })) as number;
    } catch (error) {
      if (this.#isDisposed) throw error;
      return crc32(bytes);
    }
  }

  /** `sizeBytes`: how many bytes will come; undefined where that is not known. */
  digest(algorithms: readonly DigestAlgorithm[], sizeBytes: number | undefined): RunningDigests {
    const isSmall = (sizeBytes ?? THREADED_BYTES) < THREADED_BYTES;
    if (algorithms.length === 0 || isSmall || this.#haveFailed) return digestHere(algorithms);
    // MD5 is slower than all others together.
    const [first, ...others] = [...new Set(algorithms)].sort((a) => (a === 'md5' ? -1 : 0));
    const groups = [[first!], others].filter((group) => group.length > 0);
    return digestInGroups(groups.map((group) => this.#begin(group)));
  }

  #begin(algorithms: readonly DigestAlgorithm[]): DigestStream {
    this.#lastStream += 1;
    return new DigestStream(this.#choose(), this.#lastStream, algorithms);
  }

  /** The one with least to do, or a new one while all have something. */
  #choose(): HashThread {
    if (this.#isDisposed) throw new Error('the threads that digest have ended');
    const [least] = [...this.#threads].sort((a, b) => a.load - b.load);
    if (least !== undefined && (least.load === 0 || this.#threads.size >= this.#most)) return least;
    const thread = new HashThread(() => {
      this.#threads.delete(thread);
      this.#haveFailed ||= !thread.hasAnswered && !this.#isDisposed;
    });
    this.#threads.add(thread);
    return thread;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }
}

/** One thread; its answers come in the order of the tasks. */
class HashThread {
  readonly #worker: Worker | undefined;
  readonly #asked: PromiseWithResolvers<HashAnswer>[] = [];
  #failure: Error | undefined;
  /** Digests that run here. */
  streams = 0;
  hasAnswered = false;

  constructor(onEnd: () => void) {
    try {
      this.#worker = new Worker(loadHashing(), { resourceLimits: LIMITS });
    } catch (error) {
      this.#failure = error as Error;
      queueMicrotask(onEnd);
      return;
    }
    // Whoever waits for an answer has a reason to stay; the thread is none.
    this.#worker.unref();
    this.#worker.on('message', (answer: HashAnswer) => {
      this.hasAnswered = true;
      this.#asked.shift()!.resolve(answer);
    });
    const fail = (error: Error) => {
      this.#failure ??= error;
      onEnd();
      for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
    };
    this.#worker.on('error', fail);
    this.#worker.on('exit', () => fail(new Error('a thread that digests has ended')));
  }

  get load(): number {
    return this.streams + this.#asked.length;
  }

  async ask(task: HashTask): Promise<HashAnswer> {
    const worker = this.#worker;
    if (this.#failure !== undefined || worker === undefined) throw this.#failure;
    const asked = Promise.withResolvers<HashAnswer>();
    this.#asked.push(asked);
    worker.postMessage(task);
    worker.ref();
    try {
      return await asked.promise;
    } finally {
      if (this.#asked.length === 0) worker.unref();
    }
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }
}

/** Digests of one upload that run in one thread. */
class DigestStream {
  readonly algorithms: readonly DigestAlgorithm[];
  readonly #thread: HashThread;
  readonly #stream: number;
  #isOpen = true;

  constructor(thread: HashThread, stream: number, algorithms: readonly DigestAlgorithm[]) {
    this.algorithms = algorithms;
    this.#thread = thread;
    this.#stream = stream;
    thread.streams += 1;
    // A thread that has ended says so to the next task too.
    thread.ask({ kind: 'begin', stream, algorithms }).catch(() => {});
  }

  /** Their sum, when it is wanted. */
  async update(bytes: Uint8Array, sum: SumKind | undefined): Promise<HashAnswer> {
    return await this.#thread.ask({ kind: 'update', stream: this.#stream, bytes, sum });
  }

  async end(): Promise<Uint8Array[]> {
    this.#isOpen = false;
    this.#thread.streams -= 1;
    const { algorithms } = this;
    return (await this.#thread.ask({
      kind: 'end',
      stream: this.#stream,
      algorithms,
    })) as Uint8Array[];
  }

  /** What is thrown away is not missed. */
  drop(): void {
    if (this.#isOpen) this.end().catch(() => {});
  }
}

function digestInGroups(groups: readonly DigestStream[]): RunningDigests {
  return {
    update: async (bytes, sum = 'crc32') => {
      // All of them, failed or not: until then somebody looks at the bytes.
      const updates = groups.map((group, at) => group.update(bytes, at === 0 ? sum : undefined));
      await Promise.allSettled(updates);
      return (await Promise.all(updates))[0] as number;
    },
    finish: async () => {
      const values = new Map<DigestAlgorithm, Buffer>();
      for (const group of groups) {
        const digests = await group.end();
        for (const [at, name] of group.algorithms.entries())
          values.set(name, Buffer.from(digests[at]!));
      }
      return { get: (algorithm) => getDigest(values, algorithm) };
    },
    [Symbol.dispose]: () => {
      for (const group of groups) group.drop();
    },
  };
}

function getDigest(
  values: ReadonlyMap<DigestAlgorithm, Buffer>,
  algorithm: DigestAlgorithm,
): Buffer {
  const value = values.get(algorithm);
  if (value === undefined) throw new Error(`the ${algorithm} of the bytes was not computed`);
  return value;
}

function digestHere(algorithms: readonly DigestAlgorithm[]): RunningDigests {
  const digests = new DigestSet(algorithms);
  return {
    update: async (bytes, sum = 'crc32') => {
      digests.update(bytes);
      return sumOf(sum, bytes);
    },
    finish: async () => digests,
    [Symbol.dispose]: () => {},
  };
}
