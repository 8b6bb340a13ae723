// Owns which commands go to the disk together. Pure.

/** Frames of one transfer at most. */
export const RUN_FRAMES = 64;

export type CommandKind = 'read' | 'write' | 'flush';

export interface DiskCommand {
  kind: CommandKind;
  /** Where its frame is. */
  slot: number;
  offset: number;
  length: number;
  /** When its frame came. */
  cameAtMs: number;
  /** Where the data of a read is, when it is not in the slot of its frame; 0: there. */
  dataAddress: number;
}

/** Runs of commands each of which begins where the one before it ends, in the order of their places. */
export function joinNeighbours<C extends DiskCommand>(
  commands: readonly C[],
  atMost: number,
): C[][] {
  const sorted = isSorted(commands) ? commands : commands.toSorted((a, b) => a.offset - b.offset);
  const runs: C[][] = [];
  let run: C[] = [];
  let end = -1;
  for (const command of sorted) {
    if (command.offset !== end || run.length === atMost) {
      run = [];
      runs.push(run);
    }
    run.push(command);
    end = command.offset + command.length;
  }
  return runs;
}

/** The first commands of a queue that touch no sector of each other, and none of what is busy. */
export function takeWithoutOverlap<C extends DiskCommand>(
  queue: readonly C[],
  busy: readonly DiskCommand[],
  atMost: number,
): { taken: C[]; left: C[] } {
  const candidates = queue.slice(0, atMost);
  const isClear = !overlaps([...busy, ...candidates]);
  const count = isClear ? candidates.length : countUntilOverlap(candidates, busy);
  return { taken: candidates.slice(0, count), left: queue.slice(count) };
}

function isSorted(commands: readonly DiskCommand[]): boolean {
  return commands.every((each, index) => index === 0 || commands[index - 1]!.offset <= each.offset);
}

function overlaps(commands: readonly DiskCommand[]): boolean {
  const sorted = isSorted(commands) ? commands : commands.toSorted((a, b) => a.offset - b.offset);
  return sorted.some((each, index) => index > 0 && touch(sorted[index - 1]!, each));
}

/** Rare, and the queue's front is short. */
function countUntilOverlap(commands: readonly DiskCommand[], busy: readonly DiskCommand[]): number {
  const index = commands.findIndex((each, at) =>
    [...busy, ...commands.slice(0, at)].some((earlier) => touch(earlier, each)),
  );
  return index < 0 ? commands.length : index;
}

function touch(a: DiskCommand, b: DiskCommand): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}
