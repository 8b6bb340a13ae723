// Owns the commands on the hosts of a cloud as people see them: on the front end, and on the others.

import { type Command, Option } from 'commander';
import type { RemoveFlags } from './commands/nodes.ts';
import type { CliContext } from './context.ts';
import { parseHostAddress } from './option-values.ts';

type MakeContext = (command: Command) => CliContext;
type Work = typeof import('./commands/nodes.ts');

const load = (): Promise<Work> => import('./commands/nodes.ts');

interface JoinFlags {
  token?: string;
  tokenFile?: string;
  nodeName?: string;
  underlay?: string;
  yes?: boolean;
  hypervisor?: 'qemu' | 'simulated';
}

export function addNodeCommands(
  program: Command,
  { path, context }: { path: string; context: MakeContext },
): void {
  addFrontCommands(program, context);
  program
    .command('join')
    .description('make this host a node of a cloud that runs elsewhere')
    .argument('<front>', 'what "ironbark nodes token" prints there: https://ADDRESS:PORT')
    .option(
      '--token <token>',
      '- for the first line of the standard input (default: it is asked for)',
    )
    .option('--token-file <file>', 'whose first line is the token')
    .option('--node-name <name>', 'what the node is called (default: the host’s name)')
    .option(
      '--underlay <address>',
      'IPv4 address of this host for traffic between nodes (default: the one towards the front end)',
      parseHostAddress,
    )
    .option('-y, --yes', 'install host packages without asking')
    .addOption(new Option('--hypervisor <kind>').choices(['qemu', 'simulated']).hideHelp())
    .action(async (front: string, flags: JoinFlags, command: Command) => {
      const { joinCloud } = await import('./commands/join.ts');
      const { hypervisor, yes = false, ...rest } = flags;
      const simulated = hypervisor === 'simulated';
      await joinCloud(context(command), front, { ...rest, yes, simulated, path });
    });
  program
    .command('leave')
    .description('stop being a node, and remove what was its data')
    .option('--force', 'also when the front end cannot be told')
    .action(async ({ force = false }: { force?: boolean }, command: Command) => {
      const { leaveCloud } = await import('./commands/leave.ts');
      await leaveCloud(context(command), { force });
    });
}

function addFrontCommands(program: Command, context: MakeContext): void {
  const nodes = program
    .command('nodes')
    .description('the hosts of this cloud: list, token, drain, resume, remove')
    .action(async (_flags: unknown, command: Command) => {
      await (await load()).showNodes(context(command));
    });
  nodes
    .command('token')
    .description('the line that makes another host a node of this cloud')
    .option(
      '--address <address>',
      'where nodes come to: an address of this host, with or without :PORT (kept; default port 8774)',
    )
    .action(async ({ address }: { address?: string }, command: Command) => {
      await (await load()).makeToken(context(command), address);
    });
  const named = [
    ['drain', 'give a node no new instances', 'drainNode'],
    ['resume', 'give it new instances again', 'resumeNode'],
  ] as const;
  for (const [name, description, work] of named) {
    nodes
      .command(name)
      .description(description)
      .argument('<node>', 'name or id')
      .action(async (node: string, _flags: unknown, command: Command) => {
        await (await load())[work](context(command), node);
      });
  }
  nodes
    .command('remove')
    .description('let it in no more; it must have no instances but stopped ones on volumes')
    .argument('<node>', 'name or id')
    .option(
      '--lost',
      'it is away for good: its instances end with it, or stop if their roots are volumes',
    )
    .option('-y, --yes', 'with --lost: do not ask')
    .action(async (node: string, flags: RemoveFlags, command: Command) => {
      await (await load()).removeNode(context(command), node, flags);
    });
}
