// Owns the command `npm run test-host -- NAME`: a machine with KVM or Xen, for people to look into or to run its test.

import { type Figure, renderFigures } from '../support/figures.ts';
import { runInterruptibly } from '../support/interruption.ts';
import { TestHost } from '../support/test-host/test-host.ts';
import { proveKvm } from './kvm.ts';
import { createSteps } from './steps.ts';
import { proveXen } from './xen.ts';

const USAGE = `usage: npm run test-host -- shell [kvm|xen]       a shell in it
       npm run test-host -- run COMMAND...        one command in it, in the checkout
       npm run test-host -- kvm                   a cloud in it with real KVM guests, from up to nothing left
       npm run test-host -- xen                   a paravirtual guest through xl, from its start to nothing left`;

async function main(): Promise<void> {
  // Whatever begins with a dash is the command's own.
  const [name, ...words] = process.argv.slice(2);
  if (name === 'shell') return await openShell(words[0] === 'xen' ? 'xen' : 'kvm');
  if (name === 'run' && words.length > 0) return await runCommand(words);
  if (name === 'kvm') return await runProof(proveKvm);
  if (name === 'xen') return await runProof(proveXen);
  console.error(USAGE);
  process.exitCode = 2;
}

async function start(hypervisor: 'kvm' | 'xen'): Promise<TestHost> {
  const steps = createSteps();
  return await steps.step(`a test host for ${hypervisor}`, async () => {
    const onProgress = ({ step }: { step: string }) => console.error(`  ${step}`);
    return await TestHost.start({ hypervisor, onProgress });
  });
}

async function openShell(hypervisor: 'kvm' | 'xen'): Promise<void> {
  await using host = await start(hypervisor);
  process.exitCode = await host.onTerminal();
}

async function runCommand(argv: readonly string[]): Promise<void> {
  await using host = await start('kvm');
  process.exitCode = await host.onTerminal(argv);
}

async function runProof(prove: () => Promise<Figure[]>): Promise<void> {
  const figures = await prove();
  console.log(renderFigures(figures));
  if (figures.some(({ ok }) => !ok)) process.exitCode = 1;
}

await runInterruptibly(main);
