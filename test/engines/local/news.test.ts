import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listenToFolder } from '../../../src/engines/local/news.ts';
import { folderPerTest } from '../../support/folders.ts';
import { sleep } from '../../support/until.ts';

const folder = folderPerTest();
const heard = (news: Promise<void>, ms: number) =>
  Promise.race([news.then(() => true), sleep(ms).then(() => false)]);
/** Longer than a system takes to tell. */
const aMomentMs = 300;

describe('news of a folder', () => {
  it('are files that come, that are renamed and that go, each once and then no more', async () => {
    const news = listenToFolder(folder());
    const file = (name: string) => join(folder(), name);
    for (const change of [
      () => writeFileSync(file('a'), ''),
      () => renameSync(file('a'), file('b')),
      () => rmSync(file('b')),
    ]) {
      change();
      expect(await heard(news.next(), 30_000)).toBe(true);
      await sleep(aMomentMs);
      // What came while nobody waited is told once more, at most.
      await heard(news.next(), 0);
      expect(await heard(news.next(), aMomentMs)).toBe(false);
    }
    news.close();
  });

  it('are not lost when who waited for them has gone meanwhile', async () => {
    const news = listenToFolder(folder());
    void news.next();
    writeFileSync(join(folder(), 'a'), '');
    await sleep(aMomentMs);
    expect(await heard(news.next(), 0)).toBe(true);
    news.close();
  });

  it('are not what is written to a file that is there', async () => {
    writeFileSync(join(folder(), 'log'), '');
    await sleep(aMomentMs);
    const news = listenToFolder(folder());
    appendFileSync(join(folder(), 'log'), 'line\n');
    expect(await heard(news.next(), aMomentMs)).toBe(false);
    news.close();
  });

  it('are none of a folder that is not there, or is removed', async () => {
    const missing = listenToFolder(join(folder(), 'missing'));
    expect(await heard(missing.next(), aMomentMs)).toBe(false);
    missing.close();
    const gone = join(folder(), 'gone');
    mkdirSync(gone);
    const news = listenToFolder(gone);
    rmSync(gone, { recursive: true });
    await sleep(aMomentMs);
    news.close();
  });
});
