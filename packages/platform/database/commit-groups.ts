// Owns who works on the one connection of a SQLite store, and when: transactions run one after another, and those that
// come while others are at work share one commit, since its sync takes longer than what most of them do.
//
//   begin --> work --> finish --> (the next one of the group ...) --> COMMIT --> every one of them is told
//               \---> undo: back to where this one began; the others of the group keep what they did
//
// Nobody outside sees what a group has done before its commit: what is asked meanwhile waits for it, and so does the
// answer of one that was undone, since it may tell of what it found of those before it.

import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** What one transaction holds while it is under way. */
export interface Member {
  state: 'waiting' | 'working' | 'over';
}

interface Group {
  members: number;
  /** Some of what the commit is to keep is there. */
  hasChanges: boolean;
  /** Takes nobody in who is not there already. */
  isClosing: boolean;
  committed: PromiseWithResolvers<void>;
}

export interface CommitGroupsOptions {
  engine: DatabaseSync;
  /** Stands around every change. */
  change: (work: () => unknown) => void;
  /** Transactions that may share a commit; 1: each has its own. */
  maxMembers: number;
}

export class CommitGroups {
  readonly #options: CommitGroupsOptions;
  /** Parsed once: they run for every transaction. */
  readonly #steps: Record<'begin' | 'enter' | 'leave' | 'commit', StatementSync>;
  #group: Group | undefined;
  #isWorking = false;
  #waiting: (() => void)[] = [];
  #outside: (() => void)[] = [];

  constructor(options: CommitGroupsOptions) {
    this.#options = options;
    const { engine } = options;
    this.#steps = {
      begin: engine.prepare('BEGIN IMMEDIATE'),
      enter: engine.prepare('SAVEPOINT member'),
      leave: engine.prepare('RELEASE member'),
      commit: engine.prepare('COMMIT'),
    };
  }

  /** Resolves when it is this one's turn. */
  async begin(member: Member): Promise<void> {
    if (this.#isWorking) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isWorking = true;
    try {
      this.#enter();
      member.state = 'working';
    } catch (error) {
      this.#passOn();
      throw error;
    }
  }

  /** Resolves when what it did is on stable storage. */
  async finish(member: Member): Promise<void> {
    this.#options.change(() => this.#steps.leave.run());
    member.state = 'over';
    const group = this.#group!;
    group.hasChanges = true;
    const { promise } = group.committed;
    this.#passOn();
    await promise;
  }

  /** Resolves when what it found is on stable storage. One that is over has nothing left to undo. */
  async undo(member: Member, cause: unknown): Promise<void> {
    if (member.state !== 'working') return;
    member.state = 'over';
    const { engine } = this.#options;
    const { hasChanges, committed } = this.#group!;
    if (engine.isTransaction) engine.exec('ROLLBACK TO member; RELEASE member');
    else this.#lose(cause);
    this.#passOn();
    if (hasChanges) await committed.promise;
  }

  /** Runs what is no part of a transaction as soon as none is open. */
  runOutside<Result>(work: () => Result): Result | Promise<Result> {
    if (this.#group === undefined) return work();
    return new Promise((resolve, reject) => {
      this.#outside.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Commits what is finished; for the end. */
  close(): void {
    if (!this.#isWorking) this.#commit();
  }

  #enter(): void {
    const { change } = this.#options;
    if (this.#group === undefined) {
      change(() => this.#steps.begin.run());
      this.#group = {
        members: 0,
        hasChanges: false,
        isClosing: false,
        committed: Promise.withResolvers(),
      };
      // Whoever was undone before there were changes does not wait for it.
      this.#group.committed.promise.catch(() => {});
    }
    this.#group.members += 1;
    change(() => this.#steps.enter.run());
  }

  #passOn(): void {
    const group = this.#group;
    const isFull = group === undefined || group.members >= this.#options.maxMembers;
    const next = isFull || group.isClosing ? undefined : this.#waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.#isWorking = false;
    if (isFull || group.isClosing) this.#commit();
    else this.#closeSoon(group);
  }

  /** Requests that have arrived already are looked at first: the commit would hold them up, and serves them too. */
  #closeSoon(group: Group): void {
    setImmediate(() => {
      group.isClosing = true;
      if (this.#group === group && !this.#isWorking) this.#commit();
    });
  }

  #commit(): void {
    const { engine, change } = this.#options;
    const group = this.#group;
    this.#group = undefined;
    try {
      if (group !== undefined) change(() => this.#steps.commit.run());
      group?.committed.resolve();
    } catch (error) {
      if (engine.isTransaction) engine.exec('ROLLBACK');
      group?.committed.reject(error);
    }
    for (const work of this.#outside.splice(0)) work();
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isWorking = true;
    next();
  }

  /** SQLite itself has taken back all of the transaction, as it does when the disk is full. */
  #lose(cause: unknown): void {
    const group = this.#group;
    this.#group = undefined;
    group?.committed.reject(cause);
  }
}
