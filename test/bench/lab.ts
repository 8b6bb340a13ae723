// Measures a piece of `ironbark lab run paper` and holds it to the shape of the paper's tables: what the emulated SCSI
// adapter and virtio send to the disk does not depend on how fast the machine is. The ratio at the end does.

import { join } from 'node:path';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import type { RowResult } from '@ironbark/lab/run/row-result.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { projectDir } from '../support/cloud-under-test.ts';
import { atLeast, atMost, type Figure } from '../support/figures.ts';

const LSI = 'guest/local-disk/lsi53c895a/native/direct';
const VIRTIO = 'guest/local-disk/virtio-blk/native/direct';
const DEFAULT = 'guest/local-disk/virtio-blk/io_uring+iothread+read-ahead/direct';
const TIMEOUT_MS = 600_000;

export async function measureLab(): Promise<Figure[]> {
  const rows = [LSI, VIRTIO, DEFAULT].join(',');
  const args = ['--json', 'lab', 'run', 'paper', '--quick', '--workload', 'dd', '--rows', rows];
  const ironbark = join(projectDir, 'ironbark');
  const { stdout } = await systemCommands.run(ironbark, args, { timeoutMs: TIMEOUT_MS });
  const report = JSON.parse(stdout) as RunReport;
  const find = (id: string): RowResult => {
    const row = report.rows.find((each) => each.id === `${id}/buffered`);
    if (row?.mbps === undefined) throw new Error(`${id}: ${row?.reason ?? 'no such row'}`);
    return row;
  };
  const [lsi, virtio, tuned] = [`${LSI}/write`, `${VIRTIO}/write`, `${DEFAULT}/read`].map(find);
  return [
    atMost('LSI, write: sectors a request', lsi!.requestSectors!, 260),
    atMost('LSI, write: requests in the queue', lsi!.queueDepth!, 1.3),
    atLeast('virtio-blk, write: sectors a request', virtio!.requestSectors!, 800),
    atLeast('virtio-blk, write: requests in the queue', virtio!.queueDepth!, 2),
    atLeast('default, read: of the host’s dd', tuned!.ratio!, 0.9),
    atLeast('default, read: sectors a request', tuned!.requestSectors!, 1_000),
  ];
}
