// Owns the commands of `ironbark` as people see them: names, flags, help. What each does is in commands/.
// The modules behind the commands are loaded when they are called, so that --help is quick.

import { Argument, Command, Option } from 'commander';
import { addAccountCommands } from './account-commands.ts';
import type { ImageImportOptions } from './commands/image-import.ts';
import type { CliContext } from './context.ts';
import { EXAMPLES } from './examples.ts';
import { addGatewayCommands } from './gateway-commands.ts';
import { addLabCommands } from './lab-commands.ts';
import { addNodeCommands } from './node-commands.ts';
import {
  parseCount,
  parseDevices,
  parseHostAddress,
  parsePort,
  parsePublicBlock,
  parseRate,
  parseRegion,
} from './option-values.ts';
import type { RootDevice } from './publish.ts';
import { addQuotaCommands } from './quota-commands.ts';

export interface ProgramOptions {
  version: string;
  /** Where programs are looked for. */
  path: string;
  /** False for `--json`: whoever called shows them then. */
  showsErrors: boolean;
  createContext(options: { dataDir?: string; json?: boolean }): CliContext;
  onExit(code: number): void;
}

type Flags = Record<string, never>;

interface ImageBuildFlags {
  yes?: boolean;
  rootDevice: RootDevice;
}

export function buildProgram(options: ProgramOptions): Command {
  const program = new Command('ironbark')
    .description(
      'A private cloud: the EC2, EBS and S3 APIs over real virtual machines on this host.',
    )
    .version(options.version)
    .option('--data-dir <folder>', 'where this cloud keeps everything (or IRONBARK_DATA_DIR)')
    .option('--json', 'print results as JSON')
    .showSuggestionAfterError()
    .showHelpAfterError('(ironbark --help lists the commands)')
    .exitOverride()
    .enablePositionalOptions()
    .configureHelp({ showGlobalOptions: true });
  if (!options.showsErrors) program.configureOutput({ writeErr: () => {} });
  const context = (command: Command) => options.createContext(command.optsWithGlobals());
  addCloudCommands(program, options, context);
  addInstanceCommands(program, options, context);
  addAccountCommands(program, context);
  addQuotaCommands(program, context);
  addNodeCommands(program, { ...options, context });
  addGatewayCommands(program, context);
  addHostCommands(program, options, context);
  for (const command of program.commands) inheritGlobals(command);
  addExamples(program, 'ironbark');
  return program;
}

function addExamples(command: Command, path: string): void {
  const text = EXAMPLES[path];
  if (text !== undefined) command.addHelpText('after', `\n${text}`);
  for (const child of command.commands) addExamples(child, `${path} ${child.name()}`);
}

type MakeContext = (command: Command) => CliContext;

/** `--json` and `--data-dir` may stand before or after the command's name. */
function inheritGlobals(command: Command): void {
  if (command.options.every((option) => option.long !== '--json')) {
    command.addOption(new Option('--json', 'print results as JSON').hideHelp());
    command.addOption(new Option('--data-dir <folder>').hideHelp());
  }
  for (const child of command.commands) inheritGlobals(child);
}

function addCloudCommands(program: Command, options: ProgramOptions, context: MakeContext): void {
  program
    .command('up')
    .description('start the cloud, installing and building what is missing')
    .option('-y, --yes', 'install host packages without asking')
    .option(
      '--port <number>',
      'port of the API; 0 takes a free one (default 8773, or the next free one)',
      parsePort,
    )
    .option('--host <address>', 'address that the API listens on (default 127.0.0.1)')
    .option(
      '--region <name>',
      'region that the cloud shows to clients (default us-east-1)',
      parseRegion,
    )
    .addOption(
      new Option('--network <kind>', 'how guests are connected').choices([
        'bridge',
        'user',
        'simulated',
      ]),
    )
    .addOption(
      new Option('--hypervisor <kind>', 'what runs instances').choices(['qemu', 'simulated']),
    )
    .option(
      '--public-addresses <block>',
      'block of public addresses that leads to this host (default 203.0.113.0/24)',
      parsePublicBlock,
    )
    .option(
      '--underlay <address>',
      'IPv4 address of this host for traffic between nodes (default: where they come to join)',
      parseHostAddress,
    )
    .option(
      '--allow-shared-emulation',
      'let nodes without KVM run guests of several accounts, though that is no boundary between them',
    )
    .option('--no-allow-shared-emulation', 'take that back')
    .option(
      '--volume-devices <paths>',
      'empty disks or partitions, each for one volume that asks for it; "none" takes that back',
      parseDevices,
    )
    .option(
      '--ceph-pool <name>',
      'pool of a Ceph cluster for volumes that ask for it; "none" takes that back',
    )
    .option('--ceph-user <name>', 'who opens it, without "client." (default ironbark)')
    .option('--ceph-conf <file>', 'where its monitors are (default /etc/ceph/ceph.conf)')
    .option('--ceph-keyring <file>', 'the user’s key (default /etc/ceph/ceph.client.USER.keyring)')
    .option(
      '--objects-database <url>',
      'PostgreSQL for the state of objects, so that several gateways serve them: postgres://user@host/database',
    )
    .option('--objects-engine <url>', 'S3-compatible engine for their bytes: http://host:port')
    .option('--objects-bucket <name>', 'the engine’s bucket that has them')
    .option('--objects-region <name>', 'the engine’s region (default us-east-1)')
    .option('--objects-credentials <file>', 'keys of the engine, and the database’s password')
    .option(
      '--keyring <file>',
      'where the key is kept that opens everything encrypted; "data-folder" takes that back',
    )
    .option('--no-image', 'do not build the first image')
    .option(
      '--no-tune',
      'do not measure this host’s disk in the background, which a first start does',
    )
    .addOption(new Option('--simulated-failures <rate>').argParser(parseRate).hideHelp())
    .action(async (flags: Flags, command: Command) => {
      const { bringUp } = await import('./commands/up.ts');
      await bringUp(context(command), { yes: false, ...flags, path: options.path } as never);
    });
  program
    .command('down')
    .description('stop the instances and the cloud; data stays')
    .option('--keep-guests', 'leave instances running; the next up takes them over')
    .action(async ({ keepGuests = false }: { keepGuests?: boolean }, command: Command) => {
      const { bringDown } = await import('./commands/down.ts');
      await bringDown(context(command), { keepGuests });
    });
  program
    .command('status')
    .description('what runs here (exit code 3 when nothing does)')
    .action(async (_flags: Flags, command: Command) => {
      const { showStatus } = await import('./commands/status.ts');
      options.onExit(await showStatus(context(command)));
    });
  program
    .command('env')
    .description('shell lines that point AWS clients here: eval "$(ironbark env)"')
    .action(async (_flags: Flags, command: Command) => {
      const { showEnvironment } = await import('./commands/env.ts');
      await showEnvironment(context(command));
    });
  addRecordCommands(program, options, context);
  addBackupCommands(program, context);
  program
    .command('purge')
    .description('stop the cloud and remove all of its data')
    .option('-y, --yes', 'do not ask')
    .action(async ({ yes = false }: { yes?: boolean }, command: Command) => {
      const { purge } = await import('./commands/purge.ts');
      await purge(context(command), { yes });
    });
}

function addRecordCommands(program: Command, options: ProgramOptions, context: MakeContext): void {
  program
    .command('events')
    .description('who asked this cloud for what (exit code 4 when the record was tampered with)')
    .option(
      '--since <time>',
      'only newer ones: 30m, 2h, 7d, or a time such as 2026-01-31T12:00:00Z',
    )
    .option('-n, --lines <count>', 'how many of the newest', parseCount, 100)
    .option('--verify', 'check the whole record instead of showing it')
    .action(async (flags: Flags, command: Command) => {
      const { showEvents } = await import('./commands/events.ts');
      options.onExit(await showEvents(context(command), { verify: false, ...flags } as never));
    });
}

function addBackupCommands(program: Command, context: MakeContext): void {
  program
    .command('backup')
    .description('everything of a cloud that runs, as it is now, in one file')
    .argument('<file>', 'a file that is not there yet')
    .option('--with-volumes', 'volumes’ contents too')
    .option('--passphrase-file <file>', 'encrypt it with the first line of this file')
    .action(async (file: string, flags: Flags, command: Command) => {
      const { takeBackup } = await import('./commands/backup.ts');
      await takeBackup(context(command), file, { withVolumes: false, ...flags } as never);
    });
  program
    .command('restore')
    .description('make a cloud again from a backup, in an empty data folder')
    .argument('<file>', 'a backup')
    .option('--passphrase-file <file>', 'whose first line it was encrypted with')
    .action(async (file: string, flags: Flags, command: Command) => {
      const { restoreBackup } = await import('./commands/restore.ts');
      await restoreBackup(context(command), file, flags as never);
    });
}

function addInstanceCommands(
  program: Command,
  options: ProgramOptions,
  context: MakeContext,
): void {
  program
    .command('launch')
    .description('run an instance and wait until ssh answers')
    .option('--name <name>', 'its Name tag, which the other commands accept')
    .option('--image <name>', 'image by name or id', 'micro')
    .option('--type <type>', 'instance type', 't3.micro')
    .option('--user-data <file>', 'script or cloud-config for its first boot')
    .option('--no-wait', 'return as soon as it is accepted')
    .action(async (flags: Flags, command: Command) => {
      const { launch } = await import('./commands/launch.ts');
      await launch(context(command), flags as never);
    });
  program
    .command('ssh')
    .description('a shell in an instance, or one command: ironbark ssh web -- uptime')
    .argument('[instance]', 'id or name; may be left away when there is just one')
    .argument('[command...]', 'what to run there')
    .passThroughOptions()
    .action(
      async (target: string | undefined, words: string[], _flags: Flags, command: Command) => {
        const { openShell } = await import('./commands/ssh.ts');
        options.onExit(await openShell(context(command), target, words));
      },
    );
  program
    .command('logs')
    .description('the cloud’s log, or the console of an instance')
    .argument('[instance]', 'id or name')
    .option('-f, --follow', 'keep printing')
    .option('-n, --lines <count>', 'how many lines of the log', parseCount, 50)
    .action(
      async (
        target: string | undefined,
        { follow = false, lines }: { follow?: boolean; lines: number },
        command: Command,
      ) => {
        const { showLogs } = await import('./commands/logs.ts');
        options.onExit(await showLogs(context(command), target, { follow, lines }));
      },
    );
  addVolumeCommands(program, context);
  addObjectCommands(program, context);
  addLabCommands(program, { ...options, context });
  addImageCommands(program, options, context);
}

function addVolumeCommands(program: Command, context: MakeContext): void {
  program
    .command('volumes')
    .description('every volume, and what it does at the moment')
    .option('--interval <seconds>', 'how long to look', parseCount, 1)
    .action(async (flags: { interval: number }, command: Command) => {
      const { showVolumes } = await import('./commands/volumes.ts');
      await showVolumes(context(command), flags);
    });
  program
    .command('metrics')
    .description('counters of volumes and of S3, as Prometheus reads them')
    .action(async (_flags: Flags, command: Command) => {
      const { showMetrics } = await import('./commands/volumes.ts');
      await showMetrics(context(command));
    });
}

function addObjectCommands(program: Command, context: MakeContext): void {
  program
    .command('s3')
    .description('every bucket, and what it holds')
    .action(async (_flags: Flags, command: Command) => {
      const { showBuckets } = await import('./commands/s3.ts');
      await showBuckets(context(command));
    });
}

function addImageCommands(program: Command, options: ProgramOptions, context: MakeContext): void {
  const image = program.command('image').description('build, list and import images');
  image
    .command('build')
    .description('build an image from Debian packages: micro (seconds) or debian-12 (minutes)')
    .addArgument(new Argument('<name>', 'what to build').choices(['micro', 'debian-12']))
    .option('-y, --yes', 'install host packages without asking')
    .addOption(rootDevice('instance-store'))
    .action(async (name: string, flags: ImageBuildFlags, command: Command) => {
      const { buildImage } = await import('./commands/image-build.ts');
      await buildImage(context(command), name, { yes: false, ...flags, path: options.path });
    });
  image
    .command('list')
    .description('images of this cloud')
    .action(async (_flags: Flags, command: Command) => {
      const { showImages } = await import('./commands/image-list.ts');
      await showImages(context(command));
    });
  image
    .command('import')
    .description('import a disk: raw or qcow2')
    .argument('<file>', 'the disk')
    .requiredOption('--name <name>', 'the image’s name')
    .option('--user <name>', 'who a key pair logs in as', 'root')
    .addOption(
      new Option('--format <format>', 'what the file is')
        .choices(['raw', 'qcow2'])
        .makeOptionMandatory(),
    )
    .addOption(rootDevice('ebs'))
    .action(async (file: string, flags: ImageImportOptions, command: Command) => {
      const { importImage } = await import('./commands/image-import.ts');
      await importImage(context(command), file, flags);
    });
}

function rootDevice(preset: RootDevice): Option {
  return new Option('--root-device <type>', 'where its instances’ root disks are')
    .choices(['ebs', 'instance-store'] satisfies RootDevice[])
    .default(preset);
}

function addHostCommands(program: Command, options: ProgramOptions, context: MakeContext): void {
  program
    .command('doctor')
    .description('what this host has and lacks, and what to do about it')
    .action(async (_flags: Flags, command: Command) => {
      const { examine } = await import('./commands/doctor.ts');
      options.onExit(await examine(context(command), options.path));
    });
  program
    .command('test')
    .description('run all tests, or those whose file names contain a word')
    .argument('[words...]', 'parts of file names')
    .action(async (words: string[], _flags: Flags, command: Command) => {
      const { runTests } = await import('./commands/test.ts');
      options.onExit(await runTests(context(command), words, options.path));
    });
  program
    .command('completion')
    .description('completion for bash or zsh: eval "$(ironbark completion bash)"')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .action(async (shell: string, _flags: Flags, command: Command) => {
      const { renderCompletion } = await import('./commands/completion.ts');
      context(command).terminal.result({ script: renderCompletion(program, shell) }, () =>
        renderCompletion(program, shell),
      );
    });
}
