import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildProgram } from './program.ts';

async function refuses(words: string[], expected: RegExp, command = 'run'): Promise<void> {
  const program = buildProgram({
    version: '0',
    path: '',
    showsErrors: false,
    createContext: () => assert.fail('a bad argument runs no command'),
    onExit: () => {},
  });
  const argv = ['node', 'ironbark', 'lab', command, ...words];
  await assert.rejects(program.parseAsync(argv), expected);
}

test('bad arguments of a lab run are refused before anything is measured', async () => {
  await refuses(['netperf'], /Allowed choices are paper/);
  await refuses(['paper', '--workload', 'dd,netperf'], /there are dd, hadoop, fio, network/);
  await refuses(['paper', '--workload', 'testdfsio'], /the lab’s guest has no Java/);
  await refuses(['paper', '--size', '64'], /a size such as 64M or 1G/);
  await refuses(['paper', '--size', '100K'], /whole mebibytes are needed, 8M to 20G/);
  await refuses(['paper', '--size', '4M'], /8M to 20G/);
  await refuses(['paper', '--repeat', '0'], /1 to 100 rounds/);
  await refuses(['paper', '--repeat', 'two'], /a whole number/);
  await refuses(['paper', '--rows', 'lsi;rm'], /parts of row ids/);
});

test('bad arguments of a measurement on demand are refused before anybody is asked', async () => {
  await refuses([], /missing required argument 'target'/, 'measure');
  await refuses(
    ['host', '--workload', 'rm'],
    /Allowed choices are dd, hadoop, fio, testdfsio/,
    'measure',
  );
  await refuses(['host', '--direction', 'up'], /Allowed choices are write, read, both/, 'measure');
  await refuses(['host', '--size', '1M'], /8M to 20G/, 'measure');
  await refuses(['host', '--seconds', '0'], /1 to 600 seconds/, 'measure');
  await refuses(['host', '--repeat', '101'], /1 to 100 rounds/, 'measure');
});
