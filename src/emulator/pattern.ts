const known = new Map<string, RegExp>();

/** Whether a text matches a pattern in which `*` stands for anything, as in "abalone-train-*". */
export function matches(pattern: string, text: string): boolean {
  let expression = known.get(pattern);
  if (expression === undefined) {
    const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
    expression = new RegExp(`^${parts.join('.*')}$`, 's');
    known.set(pattern, expression);
  }
  return expression.test(text);
}
