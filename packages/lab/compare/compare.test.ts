import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectNetworkRows, selectRows } from '../matrix/select-rows.ts';
import { networkResultOf } from '../network/network-result.ts';
import { renderBars } from '../report/bars.ts';
import { renderComparisonPage, renderPage } from '../report/page.ts';
import type { RunReport } from '../report/run-report.ts';
import { describeRow, resultOf } from '../run/row-result.ts';
import { TESTBEDS } from '../testbeds.ts';
import { agreementCells, agreementOf, describeAgreement } from './agreement.ts';
import { type Comparison, compareRuns } from './compare-runs.ts';
import { comparisonCells, comparisonFigure, describeComparison } from './comparison-report.ts';
import { parseReport, ReportError } from './parse-report.ts';

const DEFAULT = 'guest/local-disk/virtio-blk/io_uring+iothread+read-ahead/direct/read/buffered';
const HOST = 'none/local-disk/read/buffered';
const TRIP = 'network/host/e1000/round-trip';

/** Rounds of the default's read, of the host and of a round trip in microseconds; undefined: not measured. */
interface Rounds {
  guest?: readonly number[];
  host?: number;
  tripUs?: number;
}

function reportOf({ guest, host = 25, tripUs }: Rounds, hostName = 'one'): RunReport {
  const rows = selectRows({ quick: true, patterns: [DEFAULT, HOST] }).map((row) => {
    const seen = { requestSectors: 256, queueDepth: 1, utilisation: 1, bytes: 1 };
    const sample = (mbps: number) => ({ sample: { mbps, seen, amplification: 1 } });
    if (row.id === HOST) return resultOf(row, [sample(host)], 'tcg');
    if (guest === undefined) return { ...describeRow(row, 'tcg'), reason: 'No guest started.' };
    const taken = guest.map((mbps) => ({ ...sample(mbps), hostMbps: host }));
    return resultOf(row, taken, 'tcg');
  });
  const surroundings = { mtu: 9_000, wireBitsPerSecond: 250e6, vcpus: 2, queues: 1 };
  const trip = (medianUs: number) => ({
    roundTrip: { perSecond: 1, meanUs: medianUs, medianUs, p99Us: medianUs },
    packets: { packetsPerSecond: 1, meanPacketBytes: 67 },
  });
  const network = selectNetworkRows({ quick: true, patterns: [TRIP] }).map((row) => {
    const taken = [{ sample: trip(tripUs ?? 500), bases: [trip(10)] }];
    return networkResultOf(row, taken, { ...surroundings, isEmulated: true });
  });
  return {
    ...{ format: 'ironbark-lab/1', startedAt: '2026-01-01T00:00:00Z', tookSeconds: 1 },
    ...{ isInterrupted: false, profile: 'slow', testbed: TESTBEDS.slow, sizeBytes: 1, repeat: 3 },
    environment: {
      ...{ host: hostName, kernel: '6', processors: 2, load: [1, 2] },
      ...{ hypervisor: 'QEMU 7.2', acceleration: 'none' },
    },
    ...{ rows, network: tripUs === undefined ? [] : network, bootSeconds: [] },
  };
}

function verdictsOf({ rows }: Comparison): Record<string, string> {
  return Object.fromEntries(rows.map(({ id, verdict }) => [id, verdict]));
}

test('a ratio that fell by more than the rounds differ is worse, one among them is the same', () => {
  const before = reportOf({ guest: [20, 21, 22] });
  const compare = (guest: readonly number[]) =>
    verdictsOf(compareRuns(before, reportOf({ guest })))[DEFAULT];
  assert.equal(compare([15, 16, 17]), 'worse');
  assert.equal(compare([24, 24.5, 25]), 'better');
  // Its middle is a tenth lower, and one of its rounds is among those before.
  assert.equal(compare([18, 18.5, 20.5]), 'same');
  // All of its rounds are lower, by less than runs agree to.
  assert.equal(compare([19.97, 19.98, 19.99]), 'same');
});

test('a faster host is no faster guest: the ratio counts, and of the host its rate', () => {
  const rows = { before: { guest: [20], host: 25 }, after: { guest: [40], host: 50 } };
  const comparison = compareRuns(reportOf(rows.before), reportOf(rows.after));
  assert.deepEqual(verdictsOf(comparison), { [DEFAULT]: 'same', [HOST]: 'better' });
  assert.equal(comparison.rows.find(({ id }) => id === DEFAULT)?.value?.change, 1);
});

test('a round trip that takes longer is worse', () => {
  const comparison = compareRuns(reportOf({ tripUs: 500 }), reportOf({ tripUs: 900 }));
  assert.equal(verdictsOf(comparison)[TRIP], 'worse');
});

test('what only one run measured stands there, with the reason of the other', () => {
  const [without, withRow] = [reportOf({}), reportOf({ guest: [20], tripUs: 500 })];
  const later = compareRuns(without, withRow);
  assert.deepEqual(verdictsOf(later), {
    ...{ [DEFAULT]: 'only-after', [HOST]: 'same', [TRIP]: 'only-after' },
  });
  const earlier = compareRuns(withRow, without);
  const row = earlier.rows.find(({ id }) => id === DEFAULT)!;
  assert.deepEqual([row.verdict, row.reason], ['only-before', 'No guest started.']);
  assert.deepEqual(earlier.counts['only-before'], 2);
});

test('the runs’ own differences are said, and every row has its cells', () => {
  const after = { ...reportOf({ guest: [10] }, 'two'), profile: 'paper' };
  const comparison = compareRuns(reportOf({ guest: [20] }), after);
  const text = describeComparison(comparison).join('\n');
  assert.match(text, /1 worse, 0 better, 1 the same/);
  assert.match(text, /The host: one before, two after\./);
  assert.match(text, /The profile: slow before, paper after\./);
  const cells = comparisonCells(comparison).find(([, , , , , , , , word]) => word === 'WORSE');
  assert.deepEqual(cells?.slice(1), [
    ...['read, buffered', '20.0', '10.0', 'MB/s', '80 %', '40 %', '-50 %', 'WORSE'],
  ]);
});

test('a comparison is a page of its own, and a part of the later run’s', () => {
  const after = reportOf({ guest: [10] });
  const comparison = compareRuns(reportOf({ guest: [20] }), after);
  assert.match(renderBars(comparisonFigure(comparison)!), />the run before<.*>40 %, WORSE</);
  for (const page of [renderComparisonPage(comparison), renderPage(after, comparison)]) {
    assert.match(page, /Compared with the run before/);
    assert.match(page, /<tr class="worse">/);
    assert.doesNotMatch(page, /(src|href)=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  }
  assert.doesNotMatch(renderPage(after), /Compared with/);
});

test('a report is read back as it was written, and what is none is refused with its place', () => {
  const report = reportOf({ guest: [20, 21], tripUs: 500 });
  assert.deepEqual(parseReport(JSON.stringify(report)), JSON.parse(JSON.stringify(report)));
  const refuses = (change: object, expected: RegExp) =>
    assert.throws(
      () => parseReport(JSON.stringify({ ...report, ...change })),
      (error) => {
        assert.ok(error instanceof ReportError);
        assert.match(error.message, expected);
        return true;
      },
    );
  refuses({ format: 'other' }, /no report of a lab run/);
  refuses({ rows: {} }, /rows has to be a list/);
  refuses({ rows: [{ id: 1 }] }, /rows\[0\]\.id has to be a string/);
  refuses({ rows: [...report.rows, ...report.rows] }, /is there twice/);
  const broken = { ...report.rows[1]!, spread: { mbps: { median: '1' } } };
  refuses({ rows: [broken] }, /rows\[0\]\.spread\.mbps has to have median/);
  refuses({ environment: null }, /environment has to be an object/);
  assert.throws(() => parseReport('{'), /no JSON/);
});

test('runs agree on a row when the highest of their ratios is at most so much above the lowest', () => {
  const runs = [20, 20.4, 20.8].map((mbps, index) =>
    reportOf({ guest: [mbps], tripUs: 500 + 50 * index }),
  );
  const agreement = agreementOf(runs, 0.05);
  assert.deepEqual(
    agreement.rows.map(({ id, agrees }) => [id, agrees]),
    [
      [TRIP, false],
      [DEFAULT, true],
    ],
  );
  assert.equal(agreement.rows[0]!.apart?.toFixed(2), '0.20');
  assert.deepEqual([agreement.agreeing, agreement.isMet], [1, false]);
  assert.match(describeAgreement(agreement), /1 of 2 ratios .* within 5 %.*20 %.*e1000/s);
  assert.deepEqual(agreementCells(agreement)[1]!.slice(2), ['0.80', '0.82', '0.83', '4.0 %']);
});

test('a row that one of the runs lacks is no agreement', () => {
  const runs = [reportOf({ guest: [20] }), reportOf({}), reportOf({ guest: [20] })];
  const { rows, isMet } = agreementOf(runs, 0.05);
  assert.deepEqual([rows[0]?.apart, rows[0]?.agrees, isMet], [undefined, false, false]);
  assert.throws(() => agreementOf([reportOf({}), reportOf({})], 0.05), /no ratio/);
});
