import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectNetworkRows, selectRows } from '../matrix/select-rows.ts';
import {
  type NetworkResult,
  type NetworkSample,
  networkResultOf,
} from '../network/network-result.ts';
import { describeRow, type RowResult, resultOf, type Taken } from '../run/row-result.ts';
import { TESTBEDS } from '../testbeds.ts';
import { renderBars } from './bars.ts';
import { disagreements } from './claims.ts';
import { figuresOf } from './figures.ts';
import { networkFigureOf } from './network-figure.ts';
import { networkTablesOf } from './network-tables.ts';
import { renderPage } from './page.ts';
import type { RunEnvironment } from './run-report.ts';
import { summaryOf } from './summary.ts';
import { tablesOf } from './tables.ts';

const taken = (mbps: number): Taken => ({
  hostMbps: 25,
  sample: {
    mbps,
    seen: { requestSectors: 256.4, queueDepth: 0.571, utilisation: 0.64, bytes: 1 },
    amplification: 1,
  },
});

const RESULTS: RowResult[] = selectRows({ quick: true, patterns: [] }).map((row) => {
  const { reason, vmm } = row.configuration;
  if (reason !== undefined) return { ...describeRow(row, 'tcg'), reason };
  if (vmm === 'none') return resultOf(row, [{ sample: taken(25).sample }], 'tcg');
  return resultOf(row, [taken(15), taken(16), taken(17.5)], 'tcg');
});

const SURROUNDINGS = {
  ...{ mtu: 9_000, wireBitsPerSecond: 250e6, vcpus: 2, queues: 1, isEmulated: true },
};
const stream = (megabitsPerSecond: number): NetworkSample => ({
  megabitsPerSecond,
  packets: { packetsPerSecond: 20_000, meanPacketBytes: 1_514 },
  processor: { guest: 0.97, serving: 0.6 },
});
const trip: NetworkSample = {
  roundTrip: { perSecond: 900, meanUs: 1_100, medianUs: 1_000, p99Us: 4_000 },
  packets: { packetsPerSecond: 900, meanPacketBytes: 67 },
};

const NETWORK: NetworkResult[] = selectNetworkRows({ quick: true, patterns: [] }).map((row) => {
  const sample = row.measure === 'round-trip' ? trip : stream(row.nic === 'none' ? 238 : 150);
  const taken = row.nic === 'none' ? { sample } : { sample, bases: [sample] };
  return networkResultOf(row, [taken], SURROUNDINGS);
});

const ENVIRONMENT: RunEnvironment = {
  ...{ host: 'h', kernel: '6', processors: 2, load: [0.5, 1] },
  ...{ hypervisor: 'QEMU 7.2', acceleration: 'a small guest ran under KVM' },
};

test('the network’s tables have packets and processors beside each rate, and the paper’s own', () => {
  const [transmit, receive, trips] = networkTablesOf(NETWORK);
  assert.match(transmit!.title, /transmit/);
  const e1000 = transmit!.rows.find(([nic]) => nic === 'e1000, frames of 9000 (*)');
  assert.deepEqual(e1000, [
    ...['e1000, frames of 9000 (*)', 'to the host', '1', '150', '20000', '1514', '97 %', '60 %'],
    ...['100 %', 'at most 700', '–'],
  ]);
  for (const table of [transmit!, receive!, trips!]) {
    for (const row of table.rows) assert.equal(row.length, table.headings.length, table.title);
  }
  const other = receive!.rows.find(
    ([, path, , , , , , , , paper]) => path === 'to another host' && paper === '423',
  );
  assert.ok(other !== undefined);
});

test('the network’s figure is in shares of the wire, and what goes beyond is cut off', () => {
  const svg = renderBars(networkFigureOf(NETWORK, 250e6)!);
  assert.match(svg, /150 Mb\/s/);
  assert.match(svg, />at most 700 Mb\/s</);
  // 150 of the 238 that the wire carried, of 460 for all of it.
  assert.match(svg, /width="289.9" height="13" fill="#1f6f8b"/);
  assert.ok(!svg.includes('<path'));
  const value = { lowest: 8_900, median: 9_000, highest: 9_100 };
  const fast = NETWORK.map((row) => (row.peer === 'host' ? { ...row, spread: { value } } : row));
  assert.match(renderBars(networkFigureOf(fast)!), /<path/);
  assert.equal(networkFigureOf([]), undefined);
});

test('a table has the paper’s rows in its order, each with the paper’s values', () => {
  const [write, read] = tablesOf(RESULTS);
  assert.match(write!.title, /^Table 1: write/);
  assert.match(read!.title, /^Table 2: read/);
  assert.deepEqual(write!.rows[0]!.slice(0, 8), [
    ...['None', 'Local disk', '–', '25.0', '256', '0.57', '64 %', '–'],
  ]);
  assert.deepEqual(write!.rows[1], [
    ...['Emulated', 'Sparse file', 'LSI SCSI/threads, writethrough (*)'],
    ...['16.0 (15.0–17.5)', '256', '0.57', '64 %', '64 % (60 %–70 %)'],
    ...['1.3', '30', '0.90', '90 %', '1 %'],
  ]);
  for (const row of write!.rows) assert.equal(row.length, write!.headings.length);
});

test('every row that is slower than the host, or not measured, has a sentence', () => {
  const [write] = tablesOf(RESULTS);
  const named = new Map(
    write!.notes.flatMap(({ rows, sentence }) => rows.map((row) => [row, sentence] as const)),
  );
  assert.match(named.get('Xen, Local disk, XVD/phy')!, /no driver for Xen/);
  assert.match(named.get('Emulated, Local disk, LSI SCSI/native')!, /one request at a time/);
  assert.equal(named.has('None, Local disk, –'), false);
});

test('the paper’s three disagreements are listed', () => {
  assert.deepEqual(disagreements(), [
    'default local read: the text says 38 % lost, its tables 33',
    'best default local write: the text says 51 % reached, its tables 53',
    'request of a write to a sparse file: the text says 15 sectors, its tables 30',
  ]);
});

test('a figure has a bar for each row, as long as its share of the host', () => {
  const [defaults] = figuresOf({ rows: RESULTS, network: NETWORK, testbed: TESTBEDS.slow });
  const svg = renderBars(defaults!.chart);
  assert.match(svg, /^<svg [^>]*viewBox="0 0 1020 \d+"/);
  assert.equal(svg.match(/<svg/g)?.length, 1);
  // 64 % of 460 for 100 %.
  assert.match(svg, /width="294.4" height="13" fill="#1f6f8b"/);
  assert.match(svg, /not measured here/);
  assert.match(svg, />lowest to highest round</);
});

test('of two rounds a figure has the same rate as the table', () => {
  const [row] = selectRows({ quick: true, patterns: ['sparse*/write/buffered'] });
  const rows = [resultOf(row!, [taken(15), taken(17)], 'tcg')];
  assert.equal(tablesOf(rows)[0]!.rows[0]![3], '16.0 (15.0–17.0)');
  const [figure] = figuresOf({ rows, network: [], testbed: TESTBEDS.slow });
  assert.equal(figure!.chart.groups[0]!.bars[0]!.beside, '64 %, 16.0 MB/s');
  const [card] = selectNetworkRows({ quick: true, patterns: ['host/virtio-net/transmit'] });
  const network = networkResultOf(
    card!,
    [100, 200].map((rate) => ({ sample: stream(rate), bases: [stream(300)] })),
    SURROUNDINGS,
  );
  const [bar] = networkFigureOf([network], 300e6)!.groups[0]!.bars;
  assert.deepEqual([bar!.value, bar!.beside], [0.5, '150 Mb/s, 50 %']);
});

test('what was measured is not greyed for lack of a guest, and a job that was not is', () => {
  const work = { processors: 0.5, interruptsPerSecond: 400 };
  const network = NETWORK.map((row) => ({ ...row, work }));
  const [job] = selectRows({ quick: false, patterns: ['local-disk*/read/fio-random-qd16'] });
  const rows = [{ ...describeRow(job!, 'tcg'), reason: 'It was not its turn.' }];
  const page = renderPage({
    ...{ format: 'ironbark-lab/1', startedAt: '2026-01-01T00:00:00.000Z', tookSeconds: 100 },
    ...{ isInterrupted: false, profile: 'slow', testbed: TESTBEDS.slow, sizeBytes: 2 ** 25 },
    ...{ environment: ENVIRONMENT, repeat: 1, rows, network, bootSeconds: [6] },
  });
  assert.match(page, /<tr><td>No guest<\/td><td>to the host<\/td><td>round-trip<\/td><td>–/);
  assert.equal(page.match(/<tr class="missing">/g)?.length, 1);
});

test('a run comes to a few sentences: defaults of 2010 and of today, and how much was measured', () => {
  const sentences = summaryOf({ rows: RESULTS, network: NETWORK });
  assert.equal(
    sentences[0],
    'Eucalyptus’ default of 2010, a sparse file: 64 % written and 64 % read of what the host itself gets (the paper: 1 % written and 67 % read).',
  );
  assert.match(sentences[1]!, /^Ironbark’s default, a local disk: 64 % written and 64 % read of/);
  assert.match(sentences[3]!, /card and another host: 100 % sent and 100 % received/);
  assert.match(sentences.at(-1)!, /^\d+ rows were measured; \d+ were not, and say why\.$/);
  assert.deepEqual(summaryOf({ rows: [], network: [] }), ['0 rows were measured.']);
});

test('words of a chart cannot break out of it', () => {
  const bar = { label: '<script>"', value: 1, beside: '&' };
  const svg = renderBars({ title: 't', caption: 'c', groups: [{ name: 'g', bars: [bar] }] });
  assert.ok(svg.includes('&lt;script&gt;&quot;') && !svg.includes('<script>'));
});

test('the page holds tables, figures and the raw data, and needs nothing from elsewhere', () => {
  const page = renderPage({
    ...{ format: 'ironbark-lab/1', startedAt: '2026-01-01T00:00:00.000Z', tookSeconds: 100 },
    ...{
      isInterrupted: true,
      profile: 'slow',
      testbed: TESTBEDS.slow,
      sizeBytes: 32 * 2 ** 20,
      repeat: 3,
    },
    environment: ENVIRONMENT,
    ...{ rows: RESULTS, network: NETWORK, bootSeconds: [6.2, 7.04] },
  });
  assert.match(page, /32 MiB a transfer, 3 times.*before its last row/);
  assert.match(
    page,
    /<h2>In short<\/h2>\n<ul><li>Eucalyptus’ default of 2010, a sparse file: 64 % written/,
  );
  assert.match(page, /<tr class="missing"><td>Xen<\/td>/);
  assert.match(page, /16\.0 <small>\(15\.0–17\.5\)<\/small>/);
  assert.ok(page.indexOf('<svg') < page.indexOf('Table 1: write'));
  assert.ok(page.includes('Table 2: read') && page.includes('&quot;requestSectors&quot;'));
  assert.doesNotMatch(page, /(src|href)=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});
