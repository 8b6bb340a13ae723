import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIndexTargets, renderSources } from './host-sources.ts';

const TARGETS = [
  'Debian|http://mirror.example/debian|bookworm|main|amd64|/lists/a',
  'Debian|http://mirror.example/debian|bookworm|main|i386|/lists/b',
  'Debian|http://mirror.example/debian|bookworm-updates|main|amd64|/lists/c',
  'Debian|http://mirror.example/security|bookworm-security|main|amd64|/lists/d',
  'Debian|http://mirror.example/debian|trixie|main|amd64|/lists/e',
  'Someone|http://other.example|bookworm|main|amd64|/lists/f',
  '',
].join('\n');

test('a suite is taken with its updates and fixes, from Debian alone', () => {
  const paths = parseIndexTargets(TARGETS, 'bookworm').map(({ path }) => path);
  assert.deepEqual(paths, ['/lists/a', '/lists/c', '/lists/d']);
});

test('sources are rendered once each, signed by Debian', () => {
  const targets = parseIndexTargets(TARGETS, 'bookworm');
  assert.equal(
    renderSources([...targets, targets[0]!]).split('\n')[0],
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main',
  );
  assert.equal(
    renderSources([...targets, targets[0]!])
      .trim()
      .split('\n').length,
    3,
  );
});
