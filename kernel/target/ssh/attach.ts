// SPDX-License-Identifier: GPL-2.0-only
import { appendFileSync } from 'node:fs';
import { connect } from 'node:net';
import { within } from '../../../lib/within.ts';
import type { Incident, TargetInfo } from '../../../reporters/results.ts';
import { createAgentClient } from '../agent/client.ts';
import type { AgentClient } from '../agent/client.ts';
import { recorder } from '../agent/recorder.ts';
import { createTarget, failWhenDied, late } from '../agent/target.ts';
import type { Life } from '../agent/target.ts';
import { createConsoleWatch } from '../console/watch.ts';
import { BootError, TargetDiedError } from '../died.ts';
import type { SpawnOptions, Target } from '../target.ts';
import { systemPath } from './facts.ts';
import type { MachineFacts } from './facts.ts';
import { blameOn } from './blame.ts';

export interface AttachOptions {
  /** Of a Link. */
  readonly socket: string;
  readonly info: TargetInfo;
  readonly machine: MachineFacts;
  /** Which connection of the run, from 1. */
  readonly boot: number;
  /** What the kernel's log says is appended to this file. */
  readonly consoleLog?: string;
  readonly agentLog?: string;
}

/** Another connection may have to be made first, when the agent of the last one has put all back, and programs copied. */
const attachLimit = 480_000;

/** A target at the other end of a Link. Throws a BootError when there is none. */
export async function attach({ socket: path, info, machine, boot, consoleLog, agentLog }: AttachOptions): Promise<Target> {
  const socket = connect(path);
  const watch = createConsoleWatch();
  const incident = (kind: Incident['kind'], excerpt: string): Incident => ({ kind, blame: 'infrastructure', at: new Date().toISOString(), boot, excerpt });
  const { address = 'the machine' } = info;
  let why: string | undefined;
  let expected = false;
  let silent = false;
  const record = agentLog === undefined ? undefined : recorder(agentLog);
  const agent = createAgentClient(socket, {
    record,
    env: {},
    onLost(reason) {
      why = reason;
      socket.destroy();
    },
    onLog(text) {
      if (consoleLog !== undefined) append(consoleLog, text);
      watch.push(text);
    },
  });
  const life: Life = {
    died: new Promise<Incident>((resolve) => {
      socket.once('close', () => {
        record?.close();
        if (expected) resolve(incident('exit', 'it was ended'));
        else if (silent) resolve(incident('silent', `${address} answers no more`));
        else resolve(incident('exit', `the connection to ${address} was lost: ${why ?? 'no reason given'}`));
      });
    }),
    expected() {
      expected = true;
    },
    silent() {
      silent = true;
      socket.destroy();
    },
  };
  // Told by its end, see above.
  socket.on('error', () => undefined);
  void life.died.then((told) => agent.fail(new TargetDiedError(told)));
  const end = async (): Promise<void> => {
    expected = true;
    socket.destroy();
    await life.died;
  };
  try {
    const hello = await within(attachLimit, Promise.race([agent.hello, failWhenDied(life.died)]), late(attachLimit, 'the agent says hello'));
    const env = { PATH: `${hello.remote?.folder ?? ''}/bin:/usr/aem/bin:${systemPath}`, HOME: hello.remote?.scratch ?? '/', LANG: 'C' };
    return createTarget({
      boot, info, hello, watch, life, end, earlier: [],
      agent: asUsers(agent, machine, env),
      blame: ({ kind }) => blameOn(kind),
    });
  } catch (error) {
    const reason = why ?? (error instanceof Error ? error.message : String(error));
    await end();
    throw new BootError(`${address} could not be reached: ${reason}`, [incident('exit', reason)]);
  }
}

/** Programs have the machine's environment, and the users of the tests are who stands for them. */
function asUsers(agent: AgentClient, { uids }: MachineFacts, usual: Readonly<Record<string, string>>): AgentClient {
  const there = ({ uid, gid, env, ...rest }: SpawnOptions): SpawnOptions => ({
    ...rest,
    env: { ...usual, ...env },
    ...(uid === undefined ? {} : { uid: uids[uid] ?? uid }),
    ...(gid === undefined ? {} : { gid: uids[gid] ?? gid }),
  });
  return {
    ...agent,
    spawn: (argv, options = {}) => agent.spawn(argv, there(options)),
    exec: (argv, { stdin, ...options } = {}) => agent.exec(argv, { ...there(options), ...(stdin === undefined ? {} : { stdin }) }),
  };
}

function append(path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch {
    // A full disk: what the tests need of the log they have.
  }
}
