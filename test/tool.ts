import { spawnSync } from 'node:child_process';

/**
 * A program of others that tests check against. `.ci/run` installs it where it can and names the folder in BNNQ_TOOLS; else
 * the path is searched.
 * @param probe arguments for which it ends with 0
 */
export function tool(
  name: string,
  probe = '--version',
): { readonly path: string; readonly isThere: boolean } {
  const path = process.env.BNNQ_TOOLS ? `${process.env.BNNQ_TOOLS}/${name}` : name;
  return { path, isThere: spawnSync(path, [probe], { timeout: 60_000 }).status === 0 };
}
