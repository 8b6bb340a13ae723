import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildProgram } from './program.ts';

async function refuses(words: string[], expected: RegExp): Promise<void> {
  const program = buildProgram({
    version: '0',
    path: '',
    showsErrors: false,
    createContext: () => assert.fail('a bad argument runs no command'),
    onExit: () => {},
  });
  const argv = ['node', 'ironbark', 'lab', 'run', ...words];
  await assert.rejects(program.parseAsync(argv), expected);
}

test('bad arguments of a lab run are refused before anything is measured', async () => {
  await refuses(['netperf'], /Allowed choices are paper/);
  await refuses(['paper', '--workload', 'dd,netperf'], /there are dd, hadoop, fio, network/);
  await refuses(['paper', '--size', '64'], /a size such as 64M or 1G/);
  await refuses(['paper', '--size', '100K'], /whole mebibytes are needed, 8M to 20G/);
  await refuses(['paper', '--size', '4M'], /8M to 20G/);
  await refuses(['paper', '--repeat', '0'], /1 to 100 rounds/);
  await refuses(['paper', '--repeat', 'two'], /a whole number/);
  await refuses(['paper', '--rows', 'lsi;rm'], /parts of row ids/);
});
