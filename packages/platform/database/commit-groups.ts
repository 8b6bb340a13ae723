// Owns who works on the one connection of a SQLite store, and when: transactions run one after another, and those that
// come while others are at work share one commit, since its sync takes longer than what most of them do.
//
//   begin --> work --> finish --> (the next one of the group ...) --> COMMIT --> every one of them is told
//               \---> undo: back to where this one began; the others of the group keep what they did
//
// A group with a journal is written there before its commit, which needs no sync then; such and others do not mix.
// Nobody outside sees what a group has done before its commit: what is asked meanwhile waits for it, and so does the
// answer of one that was undone, since it may tell of what it found of those before it.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Change, Journal, JournalCount } from './journal.ts';

/** What one transaction holds while it is under way. */
export interface Member {
  state: 'waiting' | 'working' | 'over';
  /** Keeps it in place of the store's own sync. */
  journal: Journal | undefined;
  /** It has run what may change rows. */
  hasChanges: boolean;
  /** The same, for the journal. */
  readonly changes: Change[];
}

interface Group {
  members: number;
  journal: Journal | undefined;
  /** Some of what the commit is to keep is there. */
  hasFinished: boolean;
  hasChanges: boolean;
  readonly changes: Change[];
  /** Takes nobody in who is not there already. */
  isClosing: boolean;
  committed: PromiseWithResolvers<void>;
}

interface Waiting {
  journal: Journal | undefined;
  wake: () => void;
}

export interface CommitGroupsOptions {
  engine: DatabaseSync;
  /** Stands around every change. */
  change: (work: () => unknown) => void;
  /** Transactions that may share a commit; 1: each has its own. */
  maxMembers: number;
  /** Undefined: there is no journal. */
  count: JournalCount | undefined;
}

export class CommitGroups {
  readonly #options: CommitGroupsOptions;
  /** Parsed once: they run for every transaction. */
  readonly #steps: Record<'begin' | 'enter' | 'leave' | 'commit', StatementSync>;
  #group: Group | undefined;
  #isWorking = false;
  #isSyncing = true;
  #unjournaled = 0;
  #waiting: Waiting[] = [];
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

  /** Commits of changes that are in no journal. */
  get unjournaled(): number {
    return this.#unjournaled;
  }

  /** Resolves when it is this one's turn. */
  async begin(member: Member): Promise<void> {
    const { journal } = member;
    const isOther = this.#group !== undefined && this.#group.journal !== journal;
    if (this.#isWorking || isOther) {
      await new Promise<void>((wake) => this.#waiting.push({ journal, wake }));
    }
    this.#isWorking = true;
    try {
      this.#enter(journal);
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
    group.hasFinished = true;
    group.hasChanges ||= member.hasChanges;
    for (const each of member.changes) group.changes.push(each);
    const { promise } = group.committed;
    this.#passOn();
    await promise;
  }

  /** Resolves when what it found is on stable storage. One that is over has nothing left to undo. */
  async undo(member: Member, cause: unknown): Promise<void> {
    if (member.state !== 'working') return;
    member.state = 'over';
    const { engine } = this.#options;
    const { hasFinished, committed } = this.#group!;
    if (engine.isTransaction) engine.exec('ROLLBACK TO member; RELEASE member');
    else this.#lose(cause);
    this.#passOn();
    if (hasFinished) await committed.promise;
  }

  /** Runs what is no part of a transaction as soon as none is open. A change is synced by itself. */
  runOutside<Result>(ask: () => Result, isChange: boolean): Result | Promise<Result> {
    const work = () => {
      if (isChange) this.#beginUnjournaled();
      return ask();
    };
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
  async close(): Promise<void> {
    const group = this.#group;
    if (!this.#isWorking) this.#commit();
    // Its own members are told of what becomes of it.
    if (group?.journal !== undefined) await group.committed.promise.catch(() => {});
  }

  #enter(journal: Journal | undefined): void {
    const { change } = this.#options;
    if (this.#group === undefined) {
      this.#setSyncing(journal === undefined);
      change(() => this.#steps.begin.run());
      this.#group = newGroup(journal);
      // Whoever was undone before there were changes does not wait for it.
      this.#group.committed.promise.catch(() => {});
    }
    this.#group.members += 1;
    change(() => this.#steps.enter.run());
  }

  #beginUnjournaled(): void {
    this.#setSyncing(true);
    this.#unjournaled += 1;
  }

  /** SQLite takes it between transactions alone. With NORMAL, a commit is in the log of writes and not synced. */
  #setSyncing(isSyncing: boolean): void {
    if (this.#isSyncing === isSyncing) return;
    this.#options.engine.exec(`PRAGMA synchronous = ${isSyncing ? 'FULL' : 'NORMAL'}`);
    this.#isSyncing = isSyncing;
  }

  #passOn(): void {
    const group = this.#group;
    const isFull = group === undefined || group.members >= this.#options.maxMembers;
    const wake = isFull || group.isClosing ? undefined : this.#takeWaiting(group.journal);
    if (wake !== undefined) {
      wake();
      return;
    }
    this.#isWorking = false;
    if (isFull || group.isClosing) this.#commit();
    else this.#closeSoon(group);
  }

  #takeWaiting(journal: Journal | undefined): (() => void) | undefined {
    const at = this.#waiting.findIndex((each) => each.journal === journal);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]!.wake;
  }

  /** Requests that have arrived already are looked at first: the commit would hold them up, and serves them too. */
  #closeSoon(group: Group): void {
    setImmediate(() => {
      group.isClosing = true;
      if (this.#group === group && !this.#isWorking) this.#commit();
    });
  }

  #commit(): void {
    const group = this.#group;
    if (group?.journal === undefined) this.#end(group, undefined);
    else void this.#endWith(group, group.journal);
  }

  async #endWith(group: Group, journal: Journal): Promise<void> {
    // Nobody begins before it is over.
    this.#isWorking = true;
    try {
      const place = await this.#write(group, journal);
      this.#end(group, place);
    } catch (error) {
      journal.drop();
      this.#end(group, undefined, error);
    }
  }

  /** Answers where its entry stands, if it needs one. */
  async #write({ hasChanges, changes }: Group, journal: Journal): Promise<string | undefined> {
    if (!hasChanges) {
      journal.drop();
      return undefined;
    }
    const place = journal.place();
    await journal.write(this.#options.count!.encode(changes));
    return place;
  }

  #end(group: Group | undefined, place: string | undefined, failure?: unknown): void {
    const { engine } = this.#options;
    this.#group = undefined;
    this.#isWorking = false;
    try {
      if (failure !== undefined) throw failure;
      if (group !== undefined) this.#keep(group, place);
      group?.committed.resolve();
    } catch (error) {
      if (engine.isTransaction) engine.exec('ROLLBACK');
      group?.committed.reject(error);
    }
    for (const work of this.#outside.splice(0)) work();
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isWorking = true;
    next.wake();
  }

  #keep({ hasChanges, journal }: Group, place: string | undefined): void {
    const { change, count } = this.#options;
    if (hasChanges && journal === undefined) this.#unjournaled += 1;
    if (hasChanges && count !== undefined) change(() => count.move(place));
    change(() => this.#steps.commit.run());
    if (hasChanges) count?.moved(place);
  }

  /** SQLite itself has taken back all of the transaction, as it does when the disk is full. */
  #lose(cause: unknown): void {
    const group = this.#group;
    this.#group = undefined;
    group?.journal?.drop();
    group?.committed.reject(cause);
  }
}

function newGroup(journal: Journal | undefined): Group {
  const committed = Promise.withResolvers<void>();
  const nothing = { members: 0, hasFinished: false, hasChanges: false, changes: [] };
  return { ...nothing, journal, isClosing: false, committed };
}
