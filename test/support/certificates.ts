import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './commands.ts';

/** Writes `ca.pem`, and for each name `<name>-cert.pem` and `<name>-key.pem` signed by it, valid for 127.0.0.1. */
export async function makeCertificates(folder: string, ...names: string[]): Promise<void> {
  const at = (name: string) => join(folder, name);
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await command('openssl', args);
    if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl(
    ...['req', '-x509', ...newKey, '-keyout', at('ca-key.pem'), '-out', at('ca.pem')],
    ...['-subj', '/CN=authority', '-days', '2'],
  );
  await writeFile(at('names.ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  for (const name of names) {
    const [key, request] = [at(`${name}-key.pem`), at(`${name}.csr`)];
    await openssl('req', '-new', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    await openssl(
      ...['x509', '-req', '-in', request, '-out', at(`${name}-cert.pem`), '-days', '2'],
      ...['-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial', '-extfile', at('names.ext')],
    );
  }
}
