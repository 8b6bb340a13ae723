// Owns the commands on quotas as people see them.

import type { Command } from 'commander';
import type { QuotaChoice } from './commands/quotas.ts';
import type { CliContext } from './context.ts';
import { parseAmount } from './option-values.ts';

type MakeContext = (command: Command) => CliContext;

const load = () => import('./commands/quotas.ts');
const ACCOUNT = ['--account <account>', 'name or number of one account'] as const;

export function addQuotaCommands(program: Command, context: MakeContext): void {
  const quotas = program
    .command('quotas')
    .description('what accounts may have: shown, set, and taken back')
    .option(...ACCOUNT)
    .action(async (choice: QuotaChoice, command: Command) => {
      await (await load()).showQuotas(context(command), choice);
    });
  quotas
    .command('set')
    .description('set a quota, for every account or for one; counts at once')
    .argument('<code>', 'as `quotas` shows it, such as L-1216C47A')
    .argument('<value>', 'how much there may be', parseAmount)
    .option(...ACCOUNT)
    .action(async (code: string, value: number, _choice: QuotaChoice, command: Command) => {
      const { account } = command.optsWithGlobals<QuotaChoice>();
      await (await load()).setQuota(context(command), { ...of(account), code, value });
    });
  quotas
    .command('unset')
    .description('take back what was set')
    .argument('<code>', 'as `quotas` shows it')
    .option(...ACCOUNT)
    .action(async (code: string, _choice: QuotaChoice, command: Command) => {
      const { account } = command.optsWithGlobals<QuotaChoice>();
      await (await load()).unsetQuota(context(command), { ...of(account), code });
    });
}

/** It may stand before the command's own name, too. */
function of(account: string | undefined): QuotaChoice {
  return account === undefined ? {} : { account };
}
