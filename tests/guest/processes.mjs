// Waiting for another process to be gone, also where nobody collects the zombies.
import { readFileSync } from 'node:fs';

const runs = pid => {
  try {
    process.kill(pid, 0);
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

export async function until(condition) {
  while (!condition()) await new Promise(done => setTimeout(done, 20));
}

export const gone = pid => until(() => !runs(pid));
