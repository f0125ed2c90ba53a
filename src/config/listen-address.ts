import { isIP } from 'node:net';
import { z } from 'zod';

/** A port of the loopback, or an address of this machine with a port. @returns both, joined by ":". */
export const listenAddress = z
  .string()
  .transform((text) => (/^\d+$/.test(text) ? `127.0.0.1:${text}` : text))
  .refine(isSocketAddress, {
    error: 'must be a port of the loopback (9464) or an IP address with a port (0.0.0.0:9464, [::]:9464)',
  });

/** Where what listens there is asked on its own machine: on the loopback, if it listens on all addresses. */
export const reachable = (address: string) =>
  address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');

/** @param address - as {@link listenAddress} has it. */
export function hostAndPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

function isSocketAddress(text: string): boolean {
  const [, bare, bracketed, port] = /^(?:([\d.]+)|\[([\da-f:.]+)\]):(\d+)$/i.exec(text) ?? [];
  return isIP(bare ?? bracketed ?? '') !== 0 && Number(port) >= 1 && Number(port) <= 65_535;
}
