import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRuns } from '../compare/compare-runs.ts';
import { selectRows } from '../matrix/select-rows.ts';
import { describeRow, resultOf, type Taken } from '../run/row-result.ts';
import { TESTBEDS } from '../testbeds.ts';
import { escapeMarkdown, renderComparisonMarkdown, renderMarkdown } from './markdown.ts';
import type { RunReport } from './run-report.ts';

const taken = (mbps: number): Taken => ({
  hostMbps: 25,
  sample: {
    mbps,
    seen: { requestSectors: 256, queueDepth: 0.57, utilisation: 0.64, bytes: 1 },
    amplification: 1,
    requestMs: 4.25,
    guestBusy: 0.5,
    servingBusy: 0.25,
    work: { processors: 0.75, interruptsPerSecond: 12_345, exitsPerSecond: 6_789 },
  },
});

const REPORT: RunReport = {
  ...{ format: 'ironbark-lab/1', startedAt: '2026-01-01T00:00:00.000Z', tookSeconds: 100 },
  ...{ isInterrupted: false, profile: 'slow', testbed: TESTBEDS.slow, sizeBytes: 2 ** 25 },
  ...{ repeat: 2, network: [], bootSeconds: [6.2] },
  environment: {
    ...{ host: 'a_host', kernel: '6', processors: 2, load: [0.5, 1] },
    ...{ hypervisor: 'QEMU 7.2', acceleration: 'a small guest ran under KVM' },
  },
  rows: selectRows({ quick: true, patterns: [] }).map((row) => {
    const { reason, vmm } = row.configuration;
    if (reason !== undefined) return { ...describeRow(row, 'tcg'), reason };
    const rounds = vmm === 'none' ? [{ sample: taken(25).sample }] : [taken(15), taken(17)];
    return resultOf(row, rounds, 'tcg');
  }),
};

test('a report in Markdown has every table in full, the figures by name, and what holds rows back', () => {
  const text = renderMarkdown(REPORT);
  assert.match(text, /^# The paper’s matrix on this host\n\nProfile slow, 32 MiB a transfer/);
  assert.match(text, /!\[.*Figure 2.*\]\(defaults\.svg\)/);
  assert.match(text, /\n## Table 1: write.*\n\n\| VMM \| TARGET \|.*\n\|---\|---\|---\|---:\|/);
  assert.match(text, /\| Emulated \| Sparse file \| LSI SCSI\/threads, writethrough \(\\\*\) \|/);
  assert.match(text, /\n- .*Xen, Local disk, XVD\/phy.*: The lab has no driver for Xen/);
  for (const block of text.split('\n\n').filter((each) => each.startsWith('| '))) {
    const widths = block.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length);
    assert.equal(new Set(widths).size, 1, block);
  }
});

test('a report has what each row cost its host: disk time, processors, interrupts and exits', () => {
  const text = renderMarkdown(REPORT);
  assert.match(text, /\| DISK MS \| GUEST CPU \| QEMU \| HOST CPU \| INTERRUPTS\/S \| EXITS\/S \|/);
  assert.match(text, /\| 4\.25 \| 50 % \| 25 % \| 75 % \| 12345 \| 6789 \|/);
});

test('words cannot break out of a table, and a comparison has its own', () => {
  assert.equal(escapeMarkdown('a|b\n<c> *d*'), 'a\\|b \\<c\\> \\*d\\*');
  const text = renderComparisonMarkdown(compareRuns(REPORT, REPORT));
  assert.match(text, /\| ROW \| WHAT \| BEFORE \| AFTER \|/);
  assert.match(text, /0 worse, 0 better/);
  assert.match(text, /\n!\[Both runs.*\]\(comparison\.svg\)\n$/);
  assert.match(renderMarkdown(REPORT, compareRuns(REPORT, REPORT)), /\(comparison\.svg\)/);
});
