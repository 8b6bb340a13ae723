import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskUrlSecrets } from './url-secrets.ts';

const cases = [
  ['/b/k?X-Amz-Signature=0a&x=1', '/b/k?X-Amz-Signature=-&x=1'],
  ['https://h/k?a=1&Signature=s%3D#part', 'https://h/k?a=1&Signature=-#part'],
  ['/k?x-amz-security-token=t', '/k?x-amz-security-token=-'],
  [
    '/k?X-Amz-Server-Side-Encryption-Customer-Key=k==&b',
    '/k?X-Amz-Server-Side-Encryption-Customer-Key=-&b',
  ],
  [
    '/k?x-amz-copy-source-server-side-encryption-customer-key=k',
    '/k?x-amz-copy-source-server-side-encryption-customer-key=-',
  ],
  ['/k?X%2DAmz-Signature=s&%zz=1', '/k?X%2DAmz-Signature=-&%zz=1'],
  ['/Signature=key?versionId=v', '/Signature=key?versionId=v'],
] as const;

test('values of a query that are secret are masked, and nothing else', () => {
  for (const [url, masked] of cases) assert.equal(maskUrlSecrets(url), masked);
});
