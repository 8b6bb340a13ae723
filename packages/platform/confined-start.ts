// Owns the one way in which guests and block targets are started: without privileges, with limits, detached, and,
// where the host allows it, in name spaces of their own with nothing to see but their program and their folder.
//
// The order matters: name spaces first (that takes root), then the file system, then the privileges, then the
// program, which installs its own system call filter. The pid stays the host's: the process is the first one of its
// pid name space, started by a process outside of it, which tells its number and ends.

import { CommandError, type Commands, type DetachedProcess } from './commands.ts';
import { CLEAN_ENVIRONMENT, type Confinement, confine } from './confinement.ts';
import { type Enclosure, OLD_ROOT, OWN_FOLDER } from './enclosure.ts';

export interface ProcessLimits {
  openFiles: number;
  /** Threads count, too. */
  processes: number;
  /** No file may become longer. */
  fileBytes?: number;
}

export interface ConfinedProgram {
  file: string;
  args: readonly string[];
  confinement: Confinement;
  limits: ProcessLimits;
  /** Besides what every confined process has. */
  environment?: Readonly<Record<string, string>>;
  /** Absent: it sees the host's files, and what their owners let its user do with them. */
  enclosure?: Enclosure | undefined;
  /** The folder on the host that is its own. */
  folder: string;
  /** Where it works, below its folder; the folder itself when empty. */
  workingDirectory: string;
  /** It has no network but what it inherits as open descriptors. */
  ownNetwork: boolean;
}

/** Its own name spaces once it is started, as /proc/<pid>/ns names them. */
export function nameSpacesOf({ enclosure, ownNetwork }: ConfinedProgram): string[] {
  if (enclosure === undefined) return [];
  return ['mnt', 'pid', 'ipc', 'uts', ...(ownNetwork ? ['net'] : [])];
}

/**
 * A fixed text; everything that varies is a positional parameter: root, mount table, own folder, working directory
 * inside, command. The variables that `cd` leaves would be the only ones that are not ours.
 */
const ENCLOSE = [
  // Without a look at helpers and tables of mounts, which takes longer than the mounts themselves.
  'mount --all --no-mtab --internal-only --fstab "$2"',
  `mount --bind -o nosuid,nodev,noexec "$3" "$1${OWN_FOLDER}"`,
  'umount=$(command -v umount)',
  'cd "$1"',
  `pivot_root . ${OLD_ROOT}`,
  `"/${OLD_ROOT}$umount" --lazy /${OLD_ROOT}`,
  'cd "$4"',
  'unset PWD OLDPWD',
  'shift 4',
  'exec "$@"',
].join(' && ');
/** The first process that this shell makes is the first one of the pid name space. */
const ENCLOSE_DETACHED = `( exec >&2; ${ENCLOSE} ) & echo $!`;

export interface CommandLine {
  file: string;
  args: string[];
}

/** The command that becomes the program, with everything but a pid name space; for programs that end soon. */
export function renderForeground(program: ConfinedProgram): CommandLine {
  const inner = confine(program.confinement, program.file, program.args);
  if (program.enclosure === undefined) return limited(program, inner);
  return limited(program, enclosed(program, program.enclosure, ENCLOSE, inner, []));
}

export interface StartOptions {
  /** Where its standard output and error go. */
  log: number;
  /** Further descriptors that it inherits, from 3 on. */
  inherited?: readonly number[];
}

export async function startConfined(
  commands: Commands,
  program: ConfinedProgram,
  { log, inherited = [] }: StartOptions,
): Promise<DetachedProcess> {
  const { enclosure } = program;
  const inner = confine(program.confinement, program.file, program.args);
  const env = { ...CLEAN_ENVIRONMENT, ...program.environment };
  if (enclosure === undefined) {
    const { file, args } = limited(program, inner);
    const cwd = insideOf(program.folder, program.workingDirectory);
    return commands.startDetached(file, args, {
      cwd,
      env,
      stdio: ['ignore', log, log, ...inherited],
    });
  }
  const outer = enclosed(program, enclosure, ENCLOSE_DETACHED, inner, ['--pid']);
  const { file, args } = limited(program, outer);
  const stdio = ['ignore', 'pid', log, ...inherited] as const;
  return commands.startDetached(file, args, { cwd: '/', env, stdio });
}

function enclosed(
  program: ConfinedProgram,
  { root, mounts }: Enclosure,
  script: string,
  inner: CommandLine,
  more: readonly string[],
): CommandLine {
  const spaces = ['--mount', '--ipc', '--uts', ...(program.ownNetwork ? ['--net'] : []), ...more];
  const parameters = [root, mounts, program.folder, insideOf(OWN_FOLDER, program.workingDirectory)];
  return {
    file: 'unshare',
    args: [...spaces, '--', 'sh', '-c', script, 'sh', ...parameters, inner.file, ...inner.args],
  };
}

function insideOf(folder: string, below: string): string {
  return below === '' ? folder : `${folder}/${below}`;
}

function limited(program: ConfinedProgram, { file, args }: CommandLine): CommandLine {
  const { openFiles, processes, fileBytes } = program.limits;
  // A user's own limits bind everything that the user runs, and only root may raise them.
  const ofUser =
    program.confinement.kind === 'same' ? [] : [`--nofile=${openFiles}`, `--nproc=${processes}`];
  const ofFiles = fileBytes === undefined ? [] : [`--fsize=${fileBytes}`];
  const flags = ['--core=0', ...ofUser, ...ofFiles];
  return { file: 'prlimit', args: [...flags, '--', file, ...args] };
}

const TRIAL_TIMEOUT_MS = 10_000;

/** Runs a program that ends soon as others will run; says why the host does not let it. */
export async function tryConfined(
  commands: Commands,
  program: ConfinedProgram,
): Promise<string | undefined> {
  const { file, args } = renderForeground(program);
  try {
    await commands.run(file, args, {
      cwd: '/',
      env: CLEAN_ENVIRONMENT,
      timeoutMs: TRIAL_TIMEOUT_MS,
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.stderr.split('\n').at(-1) || error.message;
  }
}
