// Owns listeners and connections between hosts of one cloud: TLS 1.3 alone, and both sides know its authority.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { fingerprintOf, type Identity } from '../certificates.ts';
import type { Clock } from '../clock.ts';
import { limitHandshakes, limitPeers } from './connection-limits.ts';

/** What the authority names the side that listens; no client has a certificate of that name, or for that use. */
export const FRONT_NAME = 'front.ironbark';

export interface TlsListenerOptions {
  address: { host: string; port: number };
  identity: Identity;
  /** PEM; certificates of clients are of it. */
  authority: string;
  /** What a connection may be for (ALPN). */
  protocols: readonly string[];
  /** Those without a certificate come here too: see {@link findPeer}. */
  onConnection: (socket: TLSSocket) => void;
  /** Beyond this, a new connection takes the place of the one that is at its handshake for longest. */
  maxHandshakes?: number;
}

export interface TlsListener extends AsyncDisposable {
  readonly port: number;
}

const VERSION = 'TLSv1.3';
const HANDSHAKE_MS = 10_000;
const MAX_CONNECTIONS = 4_096;
/** Anybody may begin one; what is left of the connections is for those that are known. */
const MAX_HANDSHAKES = 256;
/** A node has one, and one more for each image that it fetches; several nodes may be behind one address. */
const MAX_PER_ADDRESS = 256;
/** Of TCP: a peer that lost its power says nothing more. */
const KEEP_ALIVE_MS = 15_000;

export async function listenTls(options: TlsListenerOptions): Promise<TlsListener> {
  const { identity, authority } = options;
  const server = createServer({
    cert: `${identity.certificate}${authority}`,
    key: identity.key,
    ca: authority,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: VERSION,
    ALPNProtocols: [...options.protocols],
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  limitPeers(server, MAX_PER_ADDRESS);
  limitHandshakes(server, options.maxHandshakes ?? MAX_HANDSHAKES);
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  };
  // Those that have not said who they are yet would keep the listener from closing, too.
  server.on('connection', keep);
  server.on('secureConnection', (socket) => {
    keep(socket);
    // Who breaks off is no error of ours.
    socket.on('error', () => {});
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    options.onConnection(socket);
  });
  await listening(server, options.address);
  const { port } = server.address() as AddressInfo;
  const dispose = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return { port, [Symbol.asyncDispose]: dispose };
}

async function listening(server: Server, address: { host: string; port: number }): Promise<void> {
  server.listen(address);
  await once(server, 'listening');
}

/** The fingerprint of the certificate that the peer has shown, if it is the authority's and meant for clients. */
export function findPeer(socket: TLSSocket): string | undefined {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate === undefined ? undefined : fingerprintOf(certificate.raw);
}

export interface DialOptions {
  host: string;
  port: number;
  protocol: string;
  /** PEM. */
  authority: string;
  /** Who we are; absent: nobody yet. */
  identity?: Identity;
  timeoutMs: number;
  clock: Clock;
}

/** Resolves once the other side is known to be the front of this authority. */
export function dialFront(options: DialOptions): Promise<TLSSocket> {
  const { authority, identity } = options;
  const known = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
  return dial(options, { ca: authority, ...known });
}

/** The certificates that somebody shows there, the first one first. Nothing is sent to whoever that is. */
export async function readChain(
  options: Omit<DialOptions, 'authority' | 'identity'>,
): Promise<X509Certificate[]> {
  const socket = await dial(options, { rejectUnauthorized: false });
  try {
    const chain: X509Certificate[] = [];
    let next = socket.getPeerCertificate(true);
    while (next?.raw !== undefined) {
      chain.push(new X509Certificate(next.raw));
      if (next.issuerCertificate === next) break;
      next = next.issuerCertificate;
    }
    return chain;
  } finally {
    socket.destroy();
  }
}

async function dial(
  { host, port, protocol, timeoutMs, clock }: Omit<DialOptions, 'authority' | 'identity'>,
  trust: object,
): Promise<TLSSocket> {
  const socket = connect({
    ...{ host, port, ...trust },
    servername: FRONT_NAME,
    minVersion: VERSION,
    ALPNProtocols: [protocol],
  });
  const done = new AbortController();
  const late = clock.sleep(timeoutMs, done.signal).then(
    () => socket.destroy(new Error(`${host} port ${port} does not answer within ${timeoutMs} ms`)),
    () => {},
  );
  try {
    await once(socket, 'secureConnect');
    // What comes later is for whoever uses it, and is no bug when nobody does.
    socket.on('error', () => {});
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return socket;
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  } finally {
    done.abort();
    await late;
  }
}
