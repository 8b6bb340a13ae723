// Owns the commands of the I/O lab as people see them.

import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { LabRunFlags } from './commands/lab-run.ts';
import type { CliContext } from './context.ts';

interface LabOptions {
  context(command: Command): CliContext;
  /** Where programs are looked for. */
  path: string;
  onExit(code: number): void;
}

export function addLabCommands(program: Command, options: LabOptions): void {
  const lab = program.command('lab').description('why a disk is as fast as it is');
  lab
    .command('explain')
    .description('what a volume does at the moment, and what holds it back')
    .argument('<volume>', 'a volume that an instance uses')
    .option('--interval <seconds>', 'how long to look', parseNumber, 5)
    .action(async (volume: string, flags: { interval: number }, command: Command) => {
      const { explainVolume } = await import('./commands/lab-explain.ts');
      await explainVolume(options.context(command), volume, flags);
    });
  lab
    .command('run')
    .description('measure this host: the paper’s Tables 1 and 2, each row beside the paper’s own')
    .addArgument(new Argument('<experiment>', 'which').choices(['paper']))
    .option('--quick', 'the paper’s rows and the defaults, small transfers: under three minutes')
    .option(
      '--rows <patterns>',
      'rows by parts of their ids, * for anything: lsi*/write/,volume',
      parsePatterns,
    )
    .addOption(
      new Option('--testbed <name>', 'disk: 25 MB/s, the paper’s, or this host’s own')
        .choices(['slow', 'paper', 'native'])
        .default('slow'),
    )
    .option('--size <bytes>', 'of each transfer: 64M, 1G (default: some seconds’ worth)', parseSize)
    .option('--repeat <count>', 'rounds; the one in the middle counts', parseRepeat)
    .option('--out <folder>', 'write a report there: HTML, SVG figures, JSON')
    .action(async (_experiment: string, flags: LabRunFlags, command: Command) => {
      const { runLab } = await import('./commands/lab-run.ts');
      options.onExit(await runLab(options.context(command), flags, options.path));
    });
}

function parseNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

const MOST_REPEATS = 100;

function parseRepeat(text: string): number {
  const count = parseNumber(text);
  if (count >= 1 && count <= MOST_REPEATS) return count;
  throw new InvalidArgumentError(`1 to ${MOST_REPEATS} rounds are possible`);
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** dd counts in blocks of 64 KiB; files are filled by the mebibyte. */
const MIB = 2 ** 20;
const LEAST_MIB = 8;
/** As the paper's own transfers. */
const MOST_MIB = 20 * 1024;

function parseSize(text: string): number {
  const match = /^(\d{1,9})([KMG])(?:i?B)?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError('a size such as 64M or 1G is needed');
  const bytes = Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
  if (bytes % MIB === 0 && bytes >= LEAST_MIB * MIB && bytes <= MOST_MIB * MIB) return bytes;
  throw new InvalidArgumentError(
    `whole mebibytes are needed, ${LEAST_MIB}M to ${MOST_MIB / 1024}G`,
  );
}

function parsePatterns(text: string): string[] {
  const patterns = text.split(',').map((each) => each.trim());
  if (patterns.every((each) => /^[a-z0-9_/+*-]+$/.test(each))) return patterns;
  throw new InvalidArgumentError('parts of row ids are needed, such as lsi*/write/ or local-disk');
}
