// Owns the commands on gateways as people see them: where the cloud is, and on the hosts that serve its objects.

import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { parsePort } from './option-values.ts';

type MakeContext = (command: Command) => CliContext;
type Work = typeof import('./commands/gateways.ts');

const load = (): Promise<Work> => import('./commands/gateways.ts');
/** As the cloud's own, from which it is told by its address. */
const DEFAULT_PORT = 8773;

export function addGatewayCommands(program: Command, context: MakeContext): void {
  const gateways = program
    .command('gateways')
    .description('other hosts that serve this cloud’s objects: list, invite, remove')
    .action(async (_flags: unknown, command: Command) => {
      await (await load()).showGateways(context(command));
    });
  gateways
    .command('invite')
    .description('the file that makes another host, or another port, a gateway of this cloud')
    .argument('<name>', 'what it is called')
    .argument('<file>', 'a file that is not there yet; it is a secret')
    .option(
      '--address <address>',
      'where gateways come to: an address of this host, with or without :PORT (kept; default port 8775)',
    )
    .action(async (name: string, file: string, flags: { address?: string }, command: Command) => {
      await (await load()).inviteGateway(context(command), { name, file, ...flags });
    });
  gateways
    .command('remove')
    .description('let it in no more')
    .argument('<name>')
    .action(async (name: string, _flags: unknown, command: Command) => {
      await (await load()).removeGateway(context(command), name);
    });
  program
    .command('gateway')
    .description('serve a cloud’s objects here, until it is ended; nothing is kept on this host')
    .argument('<file>', 'what "ironbark gateways invite" has written where the cloud is')
    .option('--host <address>', 'address that it listens on', '127.0.0.1')
    .option('--port <number>', 'its port; 0 takes a free one', parsePort, DEFAULT_PORT)
    .action(async (file: string, flags: { host: string; port: number }, command: Command) => {
      const { runGateway } = await import('./commands/gateway.ts');
      await runGateway(context(command), { file, ...flags });
    });
}
