// Owns a client's side of the handshake: whoever it speaks to, and the one export that it asks for (NBD protocol, "fixed
// newstyle").

import type { ByteStream } from './byte-stream.ts';
import {
  checkHello,
  HELLO_BYTES,
  isOptionError,
  NBD_OPTION_REPLY,
  OPTION_REPLY_HEAD_BYTES,
  parseExportInfo,
  parseOptionReplyHead,
  renderClientFlags,
  renderGo,
} from './wire.ts';

/** Replies to options carry export facts and error texts. */
const MAX_OPTION_REPLY_BYTES = 64 * 1024;

export interface OptionReply {
  type: number;
  data: Buffer;
}

/** Chooses the export. What follows are requests. */
export async function negotiate(
  stream: ByteStream,
  exportName: string,
): Promise<{ sizeBytes: number | undefined }> {
  await greet(stream);
  return await chooseExport(stream, exportName);
}

/** Options follow. */
export async function greet(stream: ByteStream): Promise<void> {
  checkHello(await stream.take(HELLO_BYTES));
  await stream.send(renderClientFlags());
}

export async function chooseExport(
  stream: ByteStream,
  exportName: string,
): Promise<{ sizeBytes: number | undefined }> {
  await stream.send(renderGo(exportName));
  const replies = await takeOptionReplies(stream, exportName);
  const sizes = replies.flatMap(({ data }) => parseExportInfo(data)?.sizeBytes ?? []);
  return { sizeBytes: sizes.at(-1) };
}

/** Those before the acknowledgement. Throws when the server refuses. */
export async function takeOptionReplies(
  stream: ByteStream,
  exportName: string,
): Promise<OptionReply[]> {
  for (const replies: OptionReply[] = []; ; ) {
    const { type, length } = parseOptionReplyHead(await stream.take(OPTION_REPLY_HEAD_BYTES));
    if (length > MAX_OPTION_REPLY_BYTES) throw new Error(`nbd: option reply of ${length} bytes`);
    const data = await stream.take(length);
    if (type === NBD_OPTION_REPLY.ack) return replies;
    if (isOptionError(type)) throw new Error(`nbd: ${exportName}: ${data.toString('utf8')}`);
    replies.push({ type, data });
  }
}
