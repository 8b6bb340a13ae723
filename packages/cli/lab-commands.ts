// Owns the commands of the I/O lab as people see them.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { SelectableWorkload } from '@ironbark/lab/matrix/select-rows.ts';
import { MEASURE_WORKLOADS } from '@ironbark/lab/measure/measure-plan.ts';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { LabCheckFlags } from './commands/lab-check.ts';
import type { LabCompareFlags } from './commands/lab-compare.ts';
import type { LabExplainFlags } from './commands/lab-explain.ts';
import type { LabMeasureFlags } from './commands/lab-measure.ts';
import type { LabRunFlags } from './commands/lab-run.ts';
import type { LabTuneFlags } from './commands/lab-tune.ts';
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
    .description('what a volume or a network card does at the moment, and what holds it back')
    .argument('<id>', 'a volume that an instance uses, or an instance or interface for the network')
    .option('--interval <seconds>', 'how long to look', parseNumber, 5)
    .option(
      '--try',
      'make what changes it, in a guest with a disk or card of the lab’s own, and measure again',
    )
    .action(async (id: string, flags: LabExplainFlags, command: Command) => {
      if (/^(i|eni)-/.test(id)) {
        const { explainNetworkCards } = await import('./commands/lab-explain-network.ts');
        const context = options.context(command);
        options.onExit(await explainNetworkCards(context, id, flags, options.path));
        return;
      }
      const { explainVolume } = await import('./commands/lab-explain.ts');
      options.onExit(await explainVolume(options.context(command), id, flags, options.path));
    });
  addMeasure(lab, options);
  addRun(lab, options);
  addCompare(lab, options);
  addCheck(lab, options);
  addTune(lab, options);
}

function addRun(lab: Command, options: LabOptions): void {
  lab
    .command('run')
    .description(
      'measure this host: the paper’s tables and figures, each row beside the paper’s own',
    )
    .addArgument(new Argument('<experiment>', 'which').choices(['paper']))
    .option('--quick', 'the paper’s rows and the defaults, small transfers, once: some minutes')
    .option(
      '--rows <patterns>',
      'rows by parts of their ids, * for anything: lsi*/write/,volume',
      parsePatterns,
    )
    .option(
      '--profile <name>',
      'what is measured on: slow (25 MB/s, the default), paper (its disk and wire), native (this host’s own), or a JSON file',
    )
    .addOption(
      new Option('--testbed <name>', 'the same as --profile').conflicts('profile').hideHelp(),
    )
    .addOption(
      new Option(
        '--workload <names>',
        'only these, with commas: dd, hadoop, fio, network',
      ).argParser(parseWorkloads),
    )
    .option('--size <bytes>', 'of each transfer: 64M, 1G (default: some seconds’ worth)', parseSize)
    .option('--repeat <count>', 'rounds; the one in the middle counts', parseRepeat)
    .option('--scratch <folder>', 'where the run’s files are, for its time', '/var/tmp')
    .option('--disk <path>', 'measure this file or disk (profile native): it is written over')
    .option('--destroy', 'write over what the disk holds')
    .option('--out <folder>', 'write a report there: HTML, Markdown, SVG figures, JSON')
    .option('--against <run>', 'the report is compared with that of an earlier run too')
    .action(async (_experiment: string, flags: LabRunFlags, command: Command) => {
      const { runLab } = await import('./commands/lab-run.ts');
      options.onExit(await runLab(options.context(command), flags, options.path));
    });
}

function addMeasure(lab: Command, options: LabOptions): void {
  lab
    .command('measure')
    .description(
      'how fast a disk is, now: in a running instance, on this host, or of a volume that no instance has, and what the host saw',
    )
    .argument('<target>', 'an instance (its id or name), host, or a volume')
    .addOption(
      new Option('--workload <name>', 'what is done').choices(MEASURE_WORKLOADS).default('dd'),
    )
    .option(
      '--path <place>',
      'a folder there, in which a folder of its own is made; or a file or disk, which is written over (default: the user’s home, on the host /var/tmp)',
    )
    .option('--size <bytes>', 'of each transfer: 64M, 1G', parseSize, DEFAULT_MEASURED_BYTES)
    .option('--seconds <count>', 'of each of fio’s jobs', parseSeconds, DEFAULT_SECONDS)
    .addOption(
      new Option('--direction <way>', 'which (default: both; of a volume, read)').choices([
        'write',
        'read',
        'both',
      ]),
    )
    .option('--repeat <count>', 'rounds; the one in the middle counts', parseRepeat, 1)
    .option('--hadoop-jars <folder>', 'for testdfsio: where Hadoop’s jars are, at the target')
    .option('--destroy', 'write over what the file, disk or volume holds')
    .action(async (target: string, flags: LabMeasureFlags, command: Command) => {
      if (isVolumeId(target)) {
        const { measureVolumeOnDemand } = await import('./commands/lab-measure-volume.ts');
        options.onExit(await measureVolumeOnDemand(options.context(command), target, flags));
        return;
      }
      const { measureOnDemand } = await import('./commands/lab-measure.ts');
      options.onExit(await measureOnDemand(options.context(command), target, flags));
    });
}

function isVolumeId(text: string): text is VolumeId {
  return /^vol-[0-9a-f]{8,17}$/.test(text);
}

function addCompare(lab: Command, options: LabOptions): void {
  lab
    .command('compare')
    .description(
      'two runs, or two hosts, row by row: what differs by more than their rounds do. Of three and more: how far they agree',
    )
    .argument('<before>', 'the JSON of a run, or the folder of its report')
    .argument('<after>', 'of the other one')
    .argument('[others...]', 'of more: exits with 1 unless every ratio is within 5 %')
    .option('--out <folder>', 'write the comparison there: HTML, Markdown, an SVG figure, JSON')
    .action(
      async (
        before: string,
        after: string,
        others: string[],
        flags: LabCompareFlags,
        command: Command,
      ) => {
        const { compareLabRuns } = await import('./commands/lab-compare.ts');
        const paths = [before, after, ...others];
        options.onExit(await compareLabRuns(options.context(command), paths, flags));
      },
    );
}

function addCheck(lab: Command, options: LabOptions): void {
  lab
    .command('check')
    .description('holds a run against a budget of ratios: exits with 1 and names what has fallen')
    .argument('<run>', 'the JSON of a run, or the folder of its report')
    .requiredOption('--budget <file>', 'the ratios, by row')
    .option('--write', 'make the budget from the run instead')
    .option(
      '--margin <percent>',
      'with --write: below the worst round of the run, what is still allowed',
      parseMargin,
      5,
    )
    .action(async (run: string, flags: LabCheckFlags, command: Command) => {
      const { checkLabRun } = await import('./commands/lab-check.ts');
      options.onExit(await checkLabRun(options.context(command), run, flags));
    });
}

function addTune(lab: Command, options: LabOptions): void {
  lab
    .command('tune')
    .description(
      'measure what this host’s disk can do, and open new disks the way that was fastest',
    )
    .option('--dry-run', 'say what was found, and change nothing')
    .option('--no-guest', 'measure with QEMU alone, as a first start does: half a minute, no root')
    .action(async (flags: LabTuneFlags, command: Command) => {
      const { tuneHost } = await import('./commands/lab-tune.ts');
      options.onExit(await tuneHost(options.context(command), flags, options.path));
    });
}

function parseMargin(text: string): number {
  const percent = parseNumber(text);
  if (percent <= MOST_MARGIN) return percent;
  throw new InvalidArgumentError(`0 to ${MOST_MARGIN} percent are possible`);
}

function parseNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

/** All of it would allow anything. */
const MOST_MARGIN = 90;
const MOST_REPEATS = 100;

function parseRepeat(text: string): number {
  const count = parseNumber(text);
  if (count >= 1 && count <= MOST_REPEATS) return count;
  throw new InvalidArgumentError(`1 to ${MOST_REPEATS} rounds are possible`);
}

const MOST_SECONDS = 600;

function parseSeconds(text: string): number {
  const seconds = parseNumber(text);
  if (seconds >= 1 && seconds <= MOST_SECONDS) return seconds;
  throw new InvalidArgumentError(`1 to ${MOST_SECONDS} seconds are possible`);
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** dd counts in blocks of 64 KiB; files are filled by the mebibyte. */
const MIB = 2 ** 20;
const LEAST_MIB = 8;
const DEFAULT_MEASURED_BYTES = 256 * MIB;
const DEFAULT_SECONDS = 5;
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

const NO_DFSIO =
  'the lab’s guest has no Java, so nothing could be held against the host’s; lab measure host --workload testdfsio measures the host alone, and lab measure i-… an instance that has Java';
const WORKLOADS: readonly SelectableWorkload[] = ['dd', 'hadoop', 'fio', 'network'];

function parseWorkloads(text: string): SelectableWorkload[] {
  const names = text.split(',').map((each) => each.trim());
  if (names.includes('testdfsio')) throw new InvalidArgumentError(NO_DFSIO);
  const known = WORKLOADS.filter((each) => names.includes(each));
  if (names.every((name) => known.some((each) => each === name))) return known;
  throw new InvalidArgumentError(`there are ${WORKLOADS.join(', ')}`);
}
