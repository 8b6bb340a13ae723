// Owns the account that has the buckets of images and snapshots; no key speaks for it.

export const SYSTEM_ACCOUNT = '000000000000';
