// Owns the tests of what is written again after a look at the kernel: what was changed, and all where somebody else was.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { noGroupRules, repairGroupPart } from './group-rule-text.ts';
import { RuleBook } from './nftables.ts';

/** A kernel that shows what the test says and keeps what it is told. */
class Kernel {
  readonly written: string[] = [];
  shown = '';
  readonly commands: Commands = {
    ...systemCommands,
    run: async (_file, args) => {
      if (args[0] === '-f') this.written.push(await readFile(args[1]!, 'utf8'));
      return { stdout: args[0] === '-f' ? '' : this.shown, stderr: '', exitCode: 0 };
    },
  };

  /** What was written since the last call. */
  take(): string {
    return this.written.splice(0).join('');
  }
}

const table = (parts: Record<string, string>) =>
  `table ip t {\n${Object.entries(parts)
    .map(([part, text]) => `\t${part} {\n\t\t${text}\n\t}\n`)
    .join('\n')}}\n`;

test('a look after a change writes no more than what was changed, and all of it for a stranger', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-rules-'));
  const kernel = new Kernel();
  const book = new RuleBook(kernel.commands, directory);
  const verdicts = { ingress: new Map([['10.0.0.5', 'jump one']]), egress: new Map() };
  const rules = { ...noGroupRules('ip'), chains: new Map([['one', ['drop']]]), verdicts };
  const set = {
    id: 'groups',
    table: 'ip t',
    text: 'the whole text\n',
    repair: (part: string, listed: string | undefined) => repairGroupPart('t', rules, part, listed),
  };
  const map = (elements: string) => ({ 'map ingress-map': `elements = { ${elements} }` });
  kernel.shown = table({ 'chain one': 'drop', ...map('10.0.0.5 : accept') });
  await book.ensure([set]);
  assert.match(kernel.take(), /^add table ip t\ndelete table ip t\nthe whole text\n$/);
  await book.ensure([set]);
  assert.equal(kernel.take(), '', 'nothing has changed');

  await book.change('ip t', 'a change\n', ['map ingress-map']);
  assert.equal(kernel.take(), 'a change\n');
  kernel.shown = table({ 'chain one': 'drop', ...map('10.0.0.5 : jump one') });
  await book.ensure([set]);
  assert.equal(kernel.take(), '', 'the elements are as they should be');

  await book.change('ip t', 'a rule\n', ['chain one']);
  kernel.take();
  await book.ensure([set]);
  assert.equal(kernel.take(), 'flush chain ip t one\nadd rule ip t one drop\n', 'the chain alone');

  await book.change('ip t', 'a change\n', ['map ingress-map']);
  kernel.shown = table({ 'chain one': 'drop', ...map('10.0.0.5 : jump one, 10.0.0.6 : accept') });
  kernel.take();
  await book.ensure([set]);
  assert.match(kernel.take(), /the whole text/, 'somebody has added an element');

  await book.change('ip t', 'a change\n', ['map ingress-map']);
  kernel.shown = table({ 'chain one': 'accept', ...map('10.0.0.5 : jump one') });
  kernel.take();
  await book.ensure([set]);
  assert.match(kernel.take(), /the whole text/, 'somebody has changed what was not written');

  await book.change('ip t', 'a change\n', ['chain gone']);
  kernel.take();
  await book.ensure([set]);
  assert.equal(kernel.take(), '', 'what was taken away is away');
  await rm(directory, { recursive: true });
});

test('the filter of a port that came or went has no other written again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-rules-'));
  const kernel = new Kernel();
  const book = new RuleBook(kernel.commands, directory);
  const port = (name: string) => ({
    ...{ id: name, table: 'netdev t', chain: `from-${name}`, text: `filter ${name}\n` },
  });
  const [one, two] = [port('one'), port('two')];
  const shown = (...names: string[]) =>
    table(Object.fromEntries(names.map((name) => [`chain from-${name}`, 'drop'])));
  kernel.shown = shown('one');
  await book.ensure([one]);
  await book.put(two);
  kernel.take();
  kernel.shown = shown('one', 'two');
  await book.ensure([one, two]);
  assert.equal(kernel.take(), 'filter two\n');
  await book.remove(two, 'removal\n');
  kernel.take();
  await book.ensure([one]);
  assert.match(kernel.take(), /delete table netdev t\nfilter one\n/, 'it is still there');
  await book.put(two);
  await book.remove(two, 'removal\n');
  kernel.shown = shown('one');
  kernel.take();
  await book.ensure([one]);
  assert.equal(kernel.take(), '');
  await rm(directory, { recursive: true });
});
