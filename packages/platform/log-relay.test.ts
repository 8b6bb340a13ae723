import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { relayLog } from './log-relay.ts';
import { createLogger } from './logger.ts';

function relay(...chunks: string[]): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const stream = new PassThrough();
  relayLog(stream, { process: 'other', logger: createLogger({ write, nowMs: () => 0 }), write });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return new Promise((resolve) => {
    stream.once('end', () => resolve(lines.map((line) => JSON.parse(line))));
  });
}

test('records keep their fields and say whose they are, however they are cut', async () => {
  const record = { time: 't', level: 'info', message: 'hello', n: 1 };
  const line = `${JSON.stringify(record)}\n`;
  const found = await relay(line.slice(0, 7), line.slice(7) + line.trimEnd());
  assert.deepEqual(found, Array(2).fill({ ...record, process: 'other' }));
});

test('what is no record is the text of one', async () => {
  const words = ['Error: boom', '{"level":"info"}', '[]', 'null', '{"level":"x","message":"y"}'];
  const found = await relay(`${words.join('\n')}\n`);
  assert.deepEqual(
    found.map(({ text }) => text),
    words,
  );
  assert.deepEqual(new Set(found.map(({ level }) => level)), new Set(['warn']));
});

test('A35: a line has a limit, and nobody else can be named in it', async () => {
  const forged = JSON.stringify({ level: 'info', message: 'x', process: 'privileged' });
  const found = await relay(`${forged}\n`, 'y'.repeat(200_000));
  assert.equal(found[0]!['process'], 'other');
  const rest = found.slice(1);
  assert.ok(rest.length > 0);
  assert.ok(rest.every(({ text }) => String(text).length <= 64 * 1024));
});
