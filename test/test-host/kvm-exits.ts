// Owns what the kernel counts of a KVM guest's exits, against the requests that the guest made meanwhile.

import type { TestHost } from '../support/test-host/test-host.ts';

export interface ExitRates {
  requests: number;
  /** Of any kind, by request: interrupts, timers and idling among them. */
  exits: number;
  /** Those that QEMU or the kernel had to answer as a device would. */
  deviceExits: number;
}

export interface ExitLoad {
  pid: number;
  /** The guest's name of the disk, such as `vdb`. */
  disk: string;
  depth: number;
  inGuest(command: string): Promise<string>;
}

const SECONDS = 5;

export async function measureExits(host: TestHost, load: ExitLoad): Promise<ExitRates> {
  const { disk, depth, pid } = load;
  const fio = [
    `fio --name=b --filename=/dev/${disk} --size=64m --rw=randread --bs=4k --direct=1`,
    `--ioengine=libaio --iodepth=${depth} --runtime=${SECONDS} --time_based --output-format=terse`,
  ].join(' ');
  const reads = `cut -c1-200 /sys/block/${disk}/stat`;
  const before = await readExits(host, pid);
  const stat = await load.inGuest(`${reads}; ${fio} > /dev/null; ${reads}`);
  const after = await readExits(host, pid);
  const [first, last] = stat.split('\n').map((line) => Number(line.trim().split(/\s+/)[0]));
  const requests = last! - first!;
  const grown = (name: string) => ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / requests;
  console.error(
    [...after.keys()]
      .filter((name) => grown(name) > SHOWN)
      .map((name) => `${name} ${grown(name).toFixed(2)}`)
      .join(', '),
  );
  return {
    requests,
    exits: grown('exits'),
    deviceExits: grown('io_exits') + grown('mmio_exits'),
  };
}

/** By request; less is nobody's concern. */
const SHOWN = 0.01;

/** The kernel's counters of all guests of a process. */
async function readExits(host: TestHost, pid: number): Promise<Map<string, number>> {
  const text = await host.sh(
    `cd /sys/kernel/debug/kvm/${pid}-* && grep -s . *_exits exits *_inj* irq_window`,
  );
  return new Map(
    text.split('\n').map((line) => {
      const [name, count] = line.split(':');
      return [name!, Number(count)];
    }),
  );
}
