/** The network as a test phone sees it: its own address, and sockets. @module */

/** A UDP socket of a phone. */
export interface PhoneSocket {
  /** As the phone knows it, which behind a NAT is nobody else's idea of it. */
  readonly address: string;
  readonly port: number;
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}

/** What a socket brings; `bytes` are the handler's. */
export type DatagramHandler = (bytes: Uint8Array, address: string, port: number) => void;

/** Where a phone is plugged in. */
export interface PhoneNetwork {
  /** The phone's address. */
  readonly address: string;
  bind(port: number, received: DatagramHandler): PhoneSocket;
}
