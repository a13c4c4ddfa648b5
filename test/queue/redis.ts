import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

function has(program: string, flag = '--version'): boolean {
  return spawnSync(program, [flag]).status === 0;
}

/** Debian: apt-get install redis-server. Tests that need it say when they are skipped. */
export const HAS_REDIS: boolean = has('redis-server');
export const HAS_OPENSSL: boolean = has('openssl', 'version');

/** A port that nobody uses at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A Redis server of a test's own, with its data in a folder, so that it can be killed and started again. */
export class TestRedis {
  readonly port: number;
  readonly #folder: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number, flags: readonly string[]) {
    this.#folder = folder;
    this.port = port;
    this.#flags = flags;
  }

  /** @param flags of redis-server; `--tls-port 0` is replaced by the port, which then takes TLS alone */
  static async start(folder: string, flags: readonly string[] = []): Promise<TestRedis> {
    mkdirSync(folder, { recursive: true });
    const redis = new TestRedis(folder, await freePort(), flags);
    await redis.start();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const tls = this.#flags.includes('--tls-port');
    const flags = this.#flags.map((flag, i) =>
      this.#flags[i - 1] === '--tls-port' ? String(this.port) : flag,
    );
    const own = ['--bind', '127.0.0.1', '--dir', this.#folder, '--appendonly', 'yes', '--save', ''];
    const child = spawn('redis-server', ['--port', tls ? '0' : String(this.port), ...own, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    for (let tries = 0; !log.includes('Ready to accept connections'); tries++) {
      if (tries > 200 || child.exitCode !== null) throw new Error(`redis-server does not start:\n${log}`);
      await delay(50);
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const end = once(child, 'exit');
    child.kill(signal);
    await end;
  }
}

/** A key and a certificate that is its own authority, for localhost and 127.0.0.1. */
export function makeCertificate(folder: string, name: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', cert];
  const { status, stderr } = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return { key, cert };
}
