// SPDX-License-Identifier: GPL-2.0-only
/** What a target is to its tests, however its agent is reached. */
import { InfrastructureError } from '../../../lib/errors.ts';
import { within } from '../../../lib/within.ts';
import type { Incident, TargetInfo } from '../../../reporters/results.ts';
import { lookMarker, toIncident } from '../console/watch.ts';
import type { ConsoleWatch, Sighting } from '../console/watch.ts';
import { TargetDiedError } from '../died.ts';
import type { KernelHealth, Target } from '../target.ts';
import type { AgentClient } from './client.ts';
import type { Hello } from './protocol.ts';

const markerLimit = 120_000;
const pingEvery = 10_000;
const silentLimit = 120_000;
const closeLimit = 5_000;

/** The end of a target, and who is to blame for it. */
export interface Life {
  readonly died: Promise<Incident>;
  /** From now on an end is what was asked for. */
  expected(): void;
  /** The target answers no more. */
  silent(): void;
}

export interface TargetParts {
  /** Which boot of the run, from 1. */
  readonly boot: number;
  readonly info: TargetInfo;
  readonly hello: Hello;
  readonly agent: AgentClient;
  readonly watch: ConsoleWatch;
  readonly life: Life;
  readonly end: () => Promise<void>;
  /** From boots before, which were given up. */
  readonly earlier: readonly Incident[];
  /** Who is to blame for what the console shows; the kernel when absent. */
  readonly blame?: (seen: Sighting) => Incident['blame'];
}

/** A target whose agent has said hello. */
export function createTarget({ boot, info, hello, agent, watch, life, end, blame = () => 'kernel', ...parts }: TargetParts): Target {
  let earlier = parts.earlier;
  let closing: Promise<void> | undefined;
  let serial = 0;
  const heartbeat = setInterval(() => {
    const asked = process.uptime() * 1000;
    const timer = setTimeout(() => {
      // A console that speaks belongs to a kernel that lives.
      if (watch.lastLineAt() < asked) life.silent();
    }, silentLimit);
    agent
      .request({ op: 'ping' })
      .catch(() => undefined)
      .finally(() => clearTimeout(timer));
  }, pingEvery);
  heartbeat.unref();
  void life.died.then(() => clearInterval(heartbeat));

  const mark = async (text: string): Promise<void> => {
    const unique = `${text} #${++serial}`;
    const through = watch.marker(unique);
    await agent.request({ op: 'mark', text: unique });
    const coming = Promise.race([through, failWhenDied(life.died)]);
    await within(markerLimit, coming, late(markerLimit, 'the marker comes through'));
  };

  return {
    info,
    release: hello.release,
    boot,
    root: (hello.remote?.uid ?? 0) === 0,
    scratch: hello.remote?.scratch ?? '/tmp',
    died: life.died,
    spawn: agent.spawn,
    exec: agent.exec,
    writeFile: agent.writeFile,
    readFile: agent.readFile,
    async keep(path) {
      // A guest is gone afterwards, with all its settings.
      if (hello.remote !== undefined) await agent.request({ op: 'keep', path });
    },
    mark,
    async health(): Promise<KernelHealth> {
      const [{ taint = -1 }] = await Promise.all([agent.request({ op: 'taint' }), mark(lookMarker)]);
      const { lines, sightings } = watch.take();
      const incidents = [...earlier, ...sightings.map((seen) => toIncident(seen, boot, blame(seen)))];
      earlier = [];
      return { taint, log: lines, incidents };
    },
    close() {
      closing ??= (async (): Promise<void> => {
        clearInterval(heartbeat);
        life.expected();
        const asked = agent.request({ op: 'shutdown' }).catch(() => undefined);
        const down = Promise.all([asked, life.died]);
        await within(closeLimit, down, late(closeLimit, 'the target shuts down')).catch(() => undefined);
        await end();
      })();
      return closing;
    },
  };
}

export async function failWhenDied(died: Promise<Incident>): Promise<never> {
  throw new TargetDiedError(await died);
}

/** The error for what did not come. */
export function late(ms: number, what: string): () => Error {
  return () => new LimitError(`waited ${ms / 1000} s until ${what}`);
}

export class LimitError extends InfrastructureError {}
