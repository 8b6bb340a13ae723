// Owns `ironbark completion`: shell completion made from the commands themselves, so that it cannot be stale.

import type { Command } from 'commander';
import { Problem } from '../problem.ts';

export function renderCompletion(program: Command, shell: string): string {
  if (shell === 'bash') return renderBash(program);
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${renderBash(program)}`;
  throw new Problem(`no completion for ${shell}`, ['bash and zsh are known']);
}

function renderBash(program: Command): string {
  const cases = program.commands.map(
    (command) => `    ${command.name()}) words="${words(command)}" ;;`,
  );
  return [
    '_ironbark() {',
    '  local words="" command="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do case $word in -*) ;; *) command=$word; break ;; esac; done',
    '  case $command in',
    `    "") words="${words(program)}" ;;`,
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _ironbark ironbark ./ironbark',
  ].join('\n');
}

function words(command: Command): string {
  const names = command.commands.map((child) => child.name());
  const flags = command.options.map((option) => option.long ?? option.short ?? '');
  return [...names, ...flags, '--help'].join(' ');
}
