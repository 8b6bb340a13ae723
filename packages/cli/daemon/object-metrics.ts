// Owns Walrus' counters as Prometheus reads them (text format 0.0.4).

import type { ObjectsCounts } from '@ironbark/objects/app/request-counters.ts';

export function renderObjectMetrics(counts: ObjectsCounts): string {
  const lines = [
    ...renderRequests(counts),
    ...renderDurations(counts),
    ...single('received_bytes_total', 'Bytes of requests', counts.receivedBytes),
    ...single('sent_bytes_total', 'Bytes of answers', counts.sentBytes),
    ...single(
      'scrubbed_bytes_total',
      'Stored bytes that were checked unasked',
      counts.checkedBytes,
    ),
    ...single(
      'damaged_blobs_total',
      'Damaged or missing blobs that the scrub met',
      counts.damagedBlobs,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function head(name: string, help: string, kind: string): string[] {
  return [`# HELP ironbark_s3_${name} ${help}.`, `# TYPE ironbark_s3_${name} ${kind}`];
}

function single(name: string, help: string, value: number): string[] {
  return [...head(name, help, 'counter'), `ironbark_s3_${name} ${value}`];
}

function renderRequests({ operations }: ObjectsCounts): string[] {
  const samples = operations.flatMap(({ operation, outcomes }) =>
    Object.entries(outcomes).map(
      ([status, count]) =>
        `ironbark_s3_requests_total{operation="${operation}",status="${status}"} ${count}`,
    ),
  );
  return [...head('requests_total', 'Requests by operation and outcome', 'counter'), ...samples];
}

function renderDurations({ operations, boundsSeconds }: ObjectsCounts): string[] {
  const name = 'ironbark_s3_request_duration_seconds';
  const samples = operations.flatMap(({ operation, within, seconds }) => {
    const labels = `operation="${operation}"`;
    const buckets = within.map(
      (count, at) => `${name}_bucket{${labels},le="${boundsSeconds[at] ?? '+Inf'}"} ${count}`,
    );
    return [
      ...buckets,
      `${name}_sum{${labels}} ${seconds}`,
      `${name}_count{${labels}} ${within.at(-1)}`,
    ];
  });
  const help = 'How long requests took until all of the answer was sent';
  return [...head('request_duration_seconds', help, 'histogram'), ...samples];
}
