/** The powers of x by which zeros are put behind: `zeros[n]` stands for 2^n zero bytes. */
const zeros = makeZeros();

/**
 * The CRC-32 of two pieces put together, of those of each; so that pieces can come in any order and at once.
 * Appending n zero bytes multiplies the remainder by x^(8n); zlib's `crc32_combine` does the same.
 */
export function combineCrc32(first: number, second: number, secondBytes: number): number {
  let shifted = first;
  let bytes = secondBytes;
  for (let power = 0; bytes > 0; power += 1, bytes = Math.floor(bytes / 2)) {
    if (bytes % 2 === 1) shifted = multiply(zeros[power] ?? 0, shifted);
  }
  return (shifted ^ second) >>> 0;
}

/** Of two polynomials, modulo that of CRC-32; the highest bit is the coefficient of 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ 0xedb88320 : shifted >>> 1;
  }
  return product >>> 0;
}

function makeZeros(): number[] {
  // x^8: one zero byte.
  const powers = [0x00800000];
  // 2^53 bytes are more than a number counts.
  for (let power = 1; power < 53; power += 1) {
    const last = powers[power - 1] ?? 0;
    powers.push(multiply(last, last));
  }
  return powers;
}
