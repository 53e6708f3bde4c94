// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import type { GuestProcess, Target } from '../../kernel/target/target.ts';
import { AemcertError, ExitStatus, InfrastructureError } from '../../lib/errors.ts';
import type { HttpMeasurement, HttpResults, HttpRun } from '../../reporters/bench/http.ts';
import { httpLayers } from '../../reporters/bench/http.ts';
import type { BenchClock } from '../../reporters/bench/results.ts';
import { inGuest, measureBuilt, onGuest } from './measure.ts';
import type { BuildAsked, MeasureOptions } from './measure.ts';

/** Which measurement is about to begin. */
export interface HttpBegun {
  readonly clock: BenchClock;
  readonly layer: string;
  readonly idle: number;
}

export interface MeasureHttpOptions extends BuildAsked, Pick<MeasureOptions, 'idle' | 'memoryMiB'> {
  readonly clocks: readonly BenchClock[];
  /** For each figure. */
  readonly requests: number;
  onBoot(clock: BenchClock): void;
  onBegin(begun: HttpBegun, done: number, plan: number): void;
}

/** Connections that ask all the time: as many as the original was measured with. */
export const activeConnections = 100;

const sigkill = 9;
const fileBytes = 1024;

/** Measures AEMhttpd on each event layer beside each number of idle connections, in one run. */
export async function measureHttp(options: MeasureHttpOptions): Promise<HttpResults> {
  const { clocks, requests } = options;
  const measured = await measureBuilt(options, async (kernel, guest) => {
    const runs: HttpRun[] = [];
    for (const clock of clocks) runs.push(await measureBy(clock, kernel, { ...guest, hostPrograms: { ab: 'apache2-utils' } }, options));
    return { runs };
  });
  return { schema: 'aemcert-bench-http/1', active: activeConnections, fileBytes, requests, ...measured };
}

function measureBy(clock: BenchClock, kernel: KernelBuild, guest: GuestBuild, options: MeasureHttpOptions): Promise<HttpRun> {
  const { idle, memoryMiB, signal, clocks } = options;
  options.onBoot(clock);
  return onGuest({ kernel, guest, memoryMiB, cpus: 1, clock, boot: 1 + clocks.indexOf(clock), signal }, async (target) => {
    await inGuest(target, ['sh', '-c', `mkdir /tmp/www && head -c ${fileBytes} /usr/aem/bin/probe > /tmp/www/file`]);
    const wanted = idle.flatMap((beside) => httpLayers.map(({ id }) => ({ layer: id, idle: beside })));
    const measurements: HttpMeasurement[] = [];
    for (const { layer, idle: beside } of wanted) {
      options.onBegin({ clock, layer, idle: beside }, clocks.indexOf(clock) * wanted.length + measurements.length, clocks.length * wanted.length);
      measurements.push(await measureOne(target, layer, beside, options.requests));
    }
    return { clock, target: target.info, measurements };
  });
}

async function measureOne(target: Target, layer: string, idle: number, requests: number): Promise<HttpMeasurement> {
  // As long as it takes, an idle connection is no slow one.
  const hours = 'head=36000000,request=36000000';
  const command = `ulimit -n 65536; exec aemhttpd -l ${layer} -c 60000 -t ${hours} -p 0 /tmp/www`;
  const started: GuestProcess[] = [];
  try {
    const server = await target.spawn(['sh', '-c', command]);
    started.push(server);
    const port = /^listening on (\d+) by /.exec(await nextLine(server))?.[1] ?? '';
    if (idle > 0) {
      const holder = await target.spawn(['http-load', 'hold', port, String(idle)]);
      started.push(holder);
      const told = await nextLine(holder);
      if (told !== `{"held":${idle}}`) throw new InfrastructureError(`${idle} idle connections cannot be had`, { seen: told, hint: '--memory, or fewer with --idle' });
    }
    const load = (count: number): Promise<AbFigures> => loadBy(target, `http://127.0.0.1:${port}/file`, count);
    // First what is done once: its caches, the connections' memory.
    await load(2 * activeConnections);
    const before = await cpuTime(target, server);
    const figures = await load(requests);
    const used = (await cpuTime(target, server)) - before;
    return { layer, idle, ...figures, requests, serverNs: used / requests };
  } finally {
    for (const process of started.reverse()) {
      await process.kill(sigkill).catch(() => undefined);
      await process.exited.catch(() => undefined);
    }
  }
}

async function nextLine(process: GuestProcess): Promise<string> {
  const next = await process.lines.next();
  if (next.done === true) throw new InfrastructureError('a program ended in the guest', { seen: process.stderr() });
  return next.value;
}

async function cpuTime(target: Target, { pid }: GuestProcess): Promise<number> {
  const { stdout } = await target.exec(['http-load', 'cpu', String(pid)]);
  const { ns } = JSON.parse(stdout) as { readonly ns?: number };
  if (ns === undefined) throw new InfrastructureError('the server’s CPU time cannot be told', { seen: stdout });
  return ns;
}

type AbFigures = Pick<HttpMeasurement, 'perSecond' | 'p50Ns' | 'p99Ns'>;

async function loadBy(target: Target, url: string, requests: number): Promise<AbFigures> {
  const percentiles = '/tmp/percentiles';
  const { stdout, status, stderr } = await target.exec(['ab', '-q', '-k', '-c', String(activeConnections), '-n', String(requests), '-e', percentiles, url]);
  if (status !== 0) throw new InfrastructureError('ab failed in the guest', { seen: `${stdout} ${stderr}`.trim() });
  return readAb(stdout, Buffer.from(await target.readFile(percentiles)).toString(), requests);
}

/** What ab prints, and its file of percentiles. Throws an AemcertError of status 1 where a request was not answered well. */
export function readAb(text: string, percentiles: string, requests: number): AbFigures {
  const number = (label: string): number => Number(new RegExp(`^${label}: +([\\d.]+)`, 'm').exec(text)?.[1]);
  if (number('Complete requests') !== requests || number('Failed requests') !== 0 || /^Non-2xx/m.test(text)) {
    const seen = text.split('\n').filter((line) => /^(Complete|Failed|Non-2xx|  +\(Connect)/.test(line)).join('; ');
    throw new AemcertError('requests were not answered well', ExitStatus.NotConformant, { expected: `${requests}, none failed`, seen });
  }
  const within = (percent: number): number => Number(new RegExp(`^${percent},([\\d.]+)$`, 'm').exec(percentiles)?.[1]) * 1e6;
  const figures = { perSecond: number('Requests per second'), p50Ns: within(50), p99Ns: within(99) };
  if (!Object.values(figures).every((value) => value > 0)) throw new InfrastructureError('ab said what cannot be read', { seen: `${text} ${percentiles}`.slice(0, 600) });
  return figures;
}
