/** Waits until something is so. @throws when it never is: the limit is for that, and measures nothing. */
export async function until(what: () => Promise<boolean> | boolean, seconds = 90): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`not so within ${seconds} s: ${what.toString()}`);
    await sleep(20);
  }
}

export const sleep = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
