// SPDX-License-Identifier: GPL-2.0-only
/** What the tests of AEMhttpd share: servers on each event layer, and connections that a test steers. */
import { expect } from 'vitest';
import type { GuestProcess, SpawnOptions } from '../../kernel/target/target.ts';
import type { Context } from '../harness/verifies.ts';

/** All of AEMhttpd is to be the same on each. */
export const layers = ['aem', 'epoll', 'io_uring', 'select'] as const;
export type Layer = (typeof layers)[number];

export interface Server {
  readonly layer: Layer;
  readonly port: number;
  readonly pid: number;
  readonly process: GuestProcess;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

export interface ServerOptions extends SpawnOptions {
  /** Arguments before the folder. */
  readonly args?: readonly string[];
  /** Shell commands before it, such as a limit. */
  readonly before?: string;
  /** Another folder than one with the files `0`, `1`, … */
  readonly folder?: string;
}

/** How many files there are in the usual folder. */
export const fileCount = 50;

/** A folder with files, which goes when the test ends. `make` runs in it. */
export async function folder({ sh, after }: Context, make = `http-load files . ${fileCount}`): Promise<string> {
  const path = await sh('mktemp -d /tmp/www.XXXXXX');
  after(() => sh(`rm -rf ${path}`));
  await sh(`cd ${path} && chmod 755 . && ${make}`);
  return path;
}

/** Starts AEMhttpd and waits until it listens. */
export async function serve(context: Context, layer: Layer, options: ServerOptions = {}): Promise<Server> {
  const { args = [], before = ':', folder: path = await folder(context), ...spawn } = options;
  const command = ['aemhttpd', '-l', layer, '-p', '0', ...args, path].join(' ');
  const process = await context.spawn(['sh', '-c', `${before}; exec ${command}`], spawn);
  const line = await context.line(process);
  const port = Number(/^listening on (\d+) by /.exec(line)?.[1]);
  expect(line).toBe(`listening on ${port} by ${layer}`);
  return { layer, port, pid: process.pid, process, url: `http://127.0.0.1:${port}` };
}

/** A test's body for one layer after the other. */
export async function onEach(context: Context, options: ServerOptions, body: (server: Server) => Promise<void>): Promise<void> {
  const path = options.folder ?? (await folder(context));
  for (const layer of layers) await body(await serve(context, layer, { ...options, folder: path }));
}

/** The same for all layers at once: of what takes time, and little of the machine. */
export async function onAll(context: Context, options: ServerOptions, body: (server: Server) => Promise<void>): Promise<void> {
  const path = options.folder ?? (await folder(context));
  await Promise.all(layers.map(async (layer) => body(await serve(context, layer, { ...options, folder: path }))));
}

/** What http-talk says; see suites/guest/http-talk.c. */
export interface Said {
  readonly at?: number;
  readonly error?: string;
  readonly status?: number;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly size?: number;
  readonly end?: string;
  readonly rest?: number;
}

export interface Talk {
  /** A command for connection 0, or for another. `text` is sent with its carriage returns and line feeds. */
  (verb: string, text?: string, connection?: number): Promise<Said>;
}

/** Connections to a server, each opened by `open`. */
export async function talkTo(context: Context, { port }: Server): Promise<Talk> {
  const process = await context.spawn(['http-talk', String(port)]);
  return async (verb, text = '', connection = 0) => {
    const escaped = text.replaceAll('\\', '\\\\').replaceAll('\r', '\\r').replaceAll('\n', '\\n').replaceAll('\0', '\\0');
    await process.write(`${verb} ${connection} ${escaped}\n`);
    return JSON.parse(await context.line(process)) as Said;
  };
}

/** A whole head; `fields` end in \r\n each. */
export const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`;

/** Asks on a connection of its own: the answer, how the connection ends, and how many bytes come between. */
export async function askOnce(talk: Talk, text: string): Promise<Said & { readonly ending: string | undefined; readonly behind: number | undefined }> {
  await talk('open');
  await talk('send', text);
  const answer = await talk('answer');
  const { end, rest } = await talk('end');
  await talk('drop');
  return { ...answer, ending: end, behind: rest };
}

/** Nanoseconds between two of them. */
export function between(earlier: Said, later: Said): number {
  return (later.at ?? Number.NaN) - (earlier.at ?? Number.NaN);
}

/** Tries of a time-out. */
export const tries = 5;

/**
 * Has a connection time out: never before `least` nanoseconds, and once before `most`. A busy machine delays any of
 * the tries, a server that waits too long all of them.
 */
export async function timesOut(least: number, most: number, once: () => Promise<number>): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let count = 0; count < tries && best >= most; count++) {
    const took = await once();
    expect(took).toBeGreaterThanOrEqual(least);
    best = Math.min(best, took);
  }
  expect(best, `the soonest of ${tries}`).toBeLessThan(most);
}

export interface Load {
  readonly answers: number;
  readonly wrong: number;
  readonly lost: number;
}

/** Starts to ask for the files over and over, and looks at every byte; see suites/guest/http-load.c. */
export function startLoad(context: Context, { port }: Server, how: { readonly connections: number; readonly requests: number; readonly depth?: number }): Promise<GuestProcess> {
  return context.spawn(['http-load', 'get', String(port), String(how.connections), String(how.requests), String(how.depth ?? 1), String(fileCount)]);
}

/** What came of it. */
export async function loaded(context: Context, process: GuestProcess): Promise<Load> {
  return JSON.parse(await context.line(process)) as Load;
}

export async function load(context: Context, server: Server, how: Parameters<typeof startLoad>[2]): Promise<Load> {
  return loaded(context, await startLoad(context, server, how));
}
