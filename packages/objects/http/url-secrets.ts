// Owns what nobody may read of a URL in a log: a presigned one may still be good, and a customer's key opens objects.

const SECRETS: ReadonlySet<string> = new Set([
  'signature',
  'x-amz-signature',
  'x-amz-security-token',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-copy-source-server-side-encryption-customer-key',
]);

/** With `-` in place of the values of its query that are secret. */
export function maskUrlSecrets(url: string): string {
  return url.replace(/([?&])([^=&#]*)=[^&#]*/g, (whole, before: string, name: string) =>
    SECRETS.has(decodeName(name)) ? `${before}${name}=-` : whole,
  );
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name).toLowerCase();
  } catch {
    return name.toLowerCase();
  }
}
