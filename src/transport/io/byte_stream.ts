/** Bytes both ways, whoever's socket carries them. @module */
import type { Buffer } from "node:buffer";
import { connect as connectSecure, type TLSSocket } from "node:tls";

/** What a `Deno.Conn` is, as far as it is needed here. */
export interface ByteStream {
  /** The number of bytes read; null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Whom to connect to with TLS. */
export interface SecureTarget {
  readonly address: string;
  readonly port: number;
  /** The name that the certificate must carry. */
  readonly serverName: string | undefined;
  /** CAs in PEM; the system's if absent. */
  readonly ca: readonly string[] | undefined;
  /** Whether the certificate must be good. */
  readonly verify: boolean;
}

/** Connects with TLS. Deno's own cannot leave the certificate unchecked, nor check a name that is not the host's. */
export function connectTls({ address, port, serverName, ca, verify }: SecureTarget): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const socket = connectSecure({
      host: address,
      port,
      ...serverName === undefined ? {} : { servername: serverName },
      ...ca === undefined ? {} : { ca: [...ca] },
      rejectUnauthorized: verify,
      minVersion: "TLSv1.2",
    });
    const fail = (error: Error) => reject(error);
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      socket.off("error", fail);
      resolve(new NodeStream(socket));
    });
  });
}

/** A socket of Node's, read when asked. */
export class NodeStream implements ByteStream {
  readonly #socket: TLSSocket;
  readonly #chunks: Uint8Array[] = [];
  #ended: Error | "end" | undefined = undefined;
  #wake = () => {};

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      socket.pause();
      this.#wake();
    });
    socket.on("error", (error: Error) => this.#end(error));
    socket.on("close", () => this.#end("end"));
  }

  #end(how: Error | "end"): void {
    this.#ended ??= how;
    this.#wake();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#ended instanceof Error) throw this.#ended;
      if (this.#ended !== undefined) return null;
      this.#socket.resume();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const chunk = this.#chunks[0]!;
    const count = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length))
    );
  }

  close(): void {
    this.#socket.destroy();
  }
}
