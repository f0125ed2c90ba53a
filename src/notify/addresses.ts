import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { SluiceError } from '../core/errors.ts';

/** Where requests that a pipeline file asks for may go. */
export interface AddressRules {
  /** @throws SluiceError `InvalidInput` if the host is an address, and one that is refused. */
  checkHost(host: string): void;
  /** For `node:net`: looks the name up, and refuses it by what it means at this moment, when the connection is made. */
  lookup: LookupFunction;
}

/**
 * Addresses that answer to whoever is on the machine: a request from a worker to them comes from inside. Those of link-local
 * services (the metadata and the credentials of machines and containers) are in RFC 3927's range on most clouds; the others are
 * AWS's and Google's over IPv6, Alibaba's, Azure's and Oracle's.
 */
const refused = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255'],
  ...['100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ...['::', '::1', 'fe80::/10', 'ff00::/8', 'fd00:ec2::/32', 'fd20:ce::/32'],
  // The first three, by a gateway from IPv6 (RFC 6052).
  ...['64:ff9b::/104', '64:ff9b::7f00:0/104', '64:ff9b::a9fe:0/112'],
];

/** @param allow - addresses and networks (`10.0.0.0/8`) that are not refused whatever they are. */
export function createAddressRules(allow: readonly string[] = []): AddressRules {
  const denied = listOf(refused);
  const allowed = listOf(allow);
  const isRefused = (address: string) => {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return denied.check(address, family) && !allowed.check(address, family);
  };

  return {
    checkHost(host) {
      const address = host.replace(/^\[|\]$/g, '');
      if (isIP(address) !== 0 && isRefused(address)) throw refusal(host, address);
    },

    lookup(host, options, callback) {
      resolve(host, { ...options, all: true }, (error, addresses) => {
        const bad = error ? undefined : addresses.find(({ address }) => isRefused(address));
        if (error) callback(error, []);
        else if (bad) callback(refusal(host, bad.address), []);
        else if (options.all === true) callback(null, addresses);
        else callback(null, ...first(addresses));
      });
    },
  };
}

function refusal(host: string, address: string): SluiceError {
  const what = `${address}, an address of the worker's own machine or of its cloud`;
  return new SluiceError(
    'InvalidInput',
    `No request is sent to ${host === address ? what : `${host}: it means ${what}`}; SLUICE_WEBHOOK_ALLOW=${address} for the worker allows it`,
    { details: { host, address } },
  );
}

function first([address]: LookupAddress[]): [string, number | undefined] {
  return [address?.address ?? '', address?.family];
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks.map(parseNetwork)) {
    list.addSubnet(network, prefix, isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** `10.0.0.0/8`, or one address. */
function parseNetwork(text: string): [network: string, prefix: number] {
  const [network = '', prefix] = text.split('/');
  return [network, Number(prefix ?? (isIP(network) === 6 ? 128 : 32))];
}
