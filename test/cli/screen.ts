/** What a terminal shows that got this text, its scrolled lines included: enough of one for what `sluice` writes. */
export function screenAfter(text: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  const put = (characters: string) => {
    const line = (lines[row] ?? '').padEnd(column);
    lines[row] = line.slice(0, column) + characters + line.slice(column + characters.length);
    column += characters.length;
  };
  const control = (parameters: string, letter: string) => {
    const count = Number(parameters) || 1;
    if (letter === 'A') row = Math.max(0, row - count);
    else if (letter === 'G') column = count - 1;
    else if (letter === 'K' && parameters === '2') lines[row] = '';
    // Colours, and whether the cursor is seen.
    else if (letter !== 'm' && !parameters.startsWith('?')) throw new Error(`CSI ${parameters}${letter}`);
  };
  for (const [whole, parameters, letter] of text.matchAll(
    /\u001b\[([?\d;]*)([A-Za-z])|\r|\n|[^\u001b\r\n]+/g,
  )) {
    if (letter !== undefined) control(parameters ?? '', letter);
    else if (whole === '\r') column = 0;
    else if (whole === '\n') lines[(row += 1)] ??= '';
    else put(whole);
  }
  return lines.map((line) => line.trimEnd());
}
