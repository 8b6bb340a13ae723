// Owns `ironbark completion`: shell completion made from the commands themselves, so that it cannot be stale.

import type { Command, Option } from 'commander';
import { Problem } from '../problem.ts';

export function renderCompletion(program: Command, shell: string): string {
  if (shell === 'bash') return renderBash(program);
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${renderBash(program)}`;
  throw new Problem(`no completion for ${shell}`, ['bash and zsh are known']);
}

/** A command with the words that lead to it: none for the program itself, `image build` for that. */
interface Node {
  path: string;
  command: Command;
}

function listNodes(command: Command, path = ''): Node[] {
  const children = command.commands.flatMap((child) =>
    listNodes(child, path === '' ? child.name() : `${path} ${child.name()}`),
  );
  return [{ path, command }, ...children];
}

/** What follows an option that takes a value is no command; without choices the shell offers files. */
function renderBash(program: Command): string {
  const nodes = listNodes(program);
  const options = nodes.flatMap(({ command }) => command.options);
  const valued = options.filter((option) => option.required || option.optional);
  const flags = [...new Set(valued.flatMap((option) => namesOf(option)))];
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => `"${path}"`);
  return `_ironbark() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
      ${flags.join('|')}) ((i++)) ;;
      -*) ;;
      *) case "\${path:+$path }$word" in ${paths.join('|')}) path="\${path:+$path }$word" ;; esac ;;
    esac
  done
  case "$previous" in
${renderChoices(valued)}
    ${flags.join('|')}) COMPREPLY=(); return ;;
    *) case "$path" in
${nodes.map((node) => `      "${node.path}") words="${wordsOf(node.command)}" ;;`).join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ironbark ironbark ./ironbark`;
}

function renderChoices(options: readonly Option[]): string {
  const lines = options
    .filter(({ argChoices }) => argChoices !== undefined)
    .map(
      (option) => `    ${namesOf(option).join('|')}) words="${option.argChoices!.join(' ')}" ;;`,
    );
  return [...new Set(lines)].join('\n');
}

function wordsOf(command: Command): string {
  const names = command.commands.map((child) => child.name());
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const isShown = (option: Option) => !option.hidden || SHARED.includes(option.long ?? '');
  const flags = command.options.filter(isShown).map((option) => option.long ?? option.short ?? '');
  return [...names, ...choices, ...flags, '--help'].join(' ');
}

/** Left out of each command's own help, which shows them once for all. */
const SHARED = ['--json', '--data-dir'];

function namesOf({ short, long }: Option): string[] {
  return [short, long].filter((name) => name !== undefined);
}
