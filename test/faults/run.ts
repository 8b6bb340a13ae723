// Owns the command `npm run faults -- NAME`: does harm, prints the figures, fails when one of them misses its bar.

import { parseArgs } from 'node:util';
import { renderFigures } from '../support/figures.ts';
import { runInterruptibly } from '../support/interruption.ts';
import { runAll } from './all.ts';
import { SUITES } from './suites.ts';

const USAGE = `usage: npm run faults -- NAME [--count N] [--seed S] [--only PART] [--json]
                                 [--guests N] [--nodes N] [--gateways N] [--minutes N]
                                 [--hypervisor qemu|simulated]
       npm run faults -- all [--quick] [--json]
  NAME: ${Object.keys(SUITES).join(', ')}`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      count: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      guests: { type: 'string' },
      nodes: { type: 'string' },
      gateways: { type: 'string' },
      minutes: { type: 'string' },
      hypervisor: { type: 'string', default: 'qemu' },
    },
  });
  const [name = ''] = positionals;
  const load = name === 'all' ? async () => runAll({ isQuick: values.quick }) : SUITES[name];
  if (load === undefined || positionals.length !== 1) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const suite = await load();
  const figures = await suite({
    seed: parseNumber('seed', values.seed)!,
    count: parseNumber('count', values.count),
    only: values.only,
    guests: parseNumber('guests', values.guests),
    nodes: parseNumber('nodes', values.nodes),
    gateways: parseNumber('gateways', values.gateways),
    minutes: parseNumber('minutes', values.minutes),
    hypervisor: values.hypervisor === 'simulated' ? 'simulated' : 'qemu',
    explain: values.json ? () => {} : (line) => console.log(line),
  });
  console.log(values.json ? JSON.stringify({ figures }) : renderFigures(figures));
  if (figures.some((figure) => !figure.ok)) process.exitCode = 1;
}

function parseNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a number, not ${text}`);
  return Number(text);
}

await runInterruptibly(main);
