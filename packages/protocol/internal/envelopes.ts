// Owns the contract by which services use the cloud's keyring: it closes keys in envelopes and opens them.

export interface Envelopes {
  /** Makes the master key when nothing has been encrypted yet; it is on stable storage when this resolves. */
  ensure(): Promise<void>;
  /** An envelope for a key, which opens for the same purpose only. */
  close(purpose: string, key: Buffer): string;
  open(purpose: string, envelope: string): Buffer;
}

/** The same of a keyring that may be in another process. */
export interface AwaitedEnvelopes {
  ensure(): Promise<void>;
  close(purpose: string, key: Buffer): string | Promise<string>;
  open(purpose: string, envelope: string): Buffer | Promise<Buffer>;
}
