import { dirname } from 'node:path';

import type { FleetLockSettings } from '../../core/fleet-lock.ts';
import { AgentError, isAgentError } from '../../core/errors.ts';
import { deadlineIn, within } from '../../host/deadline.ts';
import { fileStatus, makeDirectory, readTextIfAny, unlinkDurably, writeAtomically } from '../../host/files.ts';
import { createHttp, shown, type HttpAnswer } from '../../host/http.ts';
import { applicationMachineId } from '../../systemd/machine-id.ts';
import type { Agent } from '../agent.ts';

/**
 * The client side of FleetLock (https://coreos.github.io/zincati/development/fleetlock/protocol/): a slot is taken before
 * a change and given back after it. Both may be asked for twice. A note on disk says that we may have a slot; it is there
 * before the server is asked, so that a slot is given back whatever kills us.
 */

/** How long the server may take to answer, in milliseconds. */
const patience = 30_000;

const headers = { 'fleet-lock-protocol': 'true', 'content-type': 'application/json', accept: 'application/json' };

/** How much of an answer is read, in bytes. */
const longestAnswer = 16 << 10;

/**
 * Takes a slot.
 * @throws AgentError `busy` where the server refuses, `network` where it cannot be asked, `interrupted`.
 */
export async function takeSlot(agent: Agent, settings: FleetLockSettings): Promise<void> {
  const id = identity(agent);
  makeDirectory(dirname(agent.paths.fleetLock));
  writeAtomically(agent.paths.fleetLock, JSON.stringify(settings), 0o600);
  const { status, said } = await ask(agent, settings, 'pre-reboot', id);
  if (status === 200) return;
  forget(agent);
  throw new AgentError('busy', `the fleet lock ${shown(settings.url)} has no slot for us: ${said}`, {
    retryable: true,
  });
}

/**
 * Gives back the slot that we may have, of this process or one that was killed.
 * @throws AgentError as takeSlot(); it is to be given back later then.
 */
export async function giveSlotBack(agent: Agent): Promise<void> {
  const settings = noted(agent);
  if (settings !== undefined) {
    const { status, said } = await ask(agent, settings, 'steady-state', identity(agent));
    if (status !== 200) {
      const message = `the fleet lock ${shown(settings.url)} does not take our slot back: ${said}`;
      throw new AgentError('busy', message, { retryable: true });
    }
  }
  forget(agent);
}

/** Whether a slot may have to be given back. */
export function mayHaveSlot({ paths }: Agent): boolean {
  return fileStatus(paths.fleetLock) !== undefined;
}

function forget(agent: Agent): void {
  if (mayHaveSlot(agent)) unlinkDurably(agent.paths.fleetLock);
}

/** Only root writes there, and whole files: what is none of ours is nothing to act on. */
function noted({ paths }: Agent): FleetLockSettings | undefined {
  const text = readTextIfAny(paths.fleetLock);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as FleetLockSettings;
  } catch {
    return undefined;
  }
}

function identity({ root }: Agent): string {
  const id = applicationMachineId(root);
  if (id !== undefined) return id;
  throw new AgentError('io', 'this host has no machine id, and a fleet lock knows hosts by that', {
    next: 'systemd-machine-id-setup(1) makes one.',
  });
}

interface Answer {
  readonly status: number;
  /** What the server said, in a line. */
  readonly said: string;
}

async function ask(
  { clock, signal }: Agent,
  { url, group }: FleetLockSettings,
  operation: 'pre-reboot' | 'steady-state',
  id: string,
): Promise<Answer> {
  const http = createHttp({ env: process.env, clock, idleTimeout: patience, attempts: 1 });
  const enough = new AbortController();
  const request = {
    method: 'POST',
    // Hours lie between two requests: no connection is kept.
    headers: { ...headers, connection: 'close' },
    body: JSON.stringify({ client_params: { id, group } }),
    signal: enough.signal,
    anyStatus: true,
  };
  const answered = async () => {
    const answer = await http.request(`${url.replace(/\/+$/, '')}/v1/${operation}`, request);
    return { status: answer.status, said: saidIn(answer.status, await textOf(answer)) };
  };
  const late = () =>
    new AgentError('network', `${shown(url)} did not answer within ${patience / 1000} s`, { retryable: true });
  try {
    return await within(deadlineIn(clock, patience, signal), 'asking the fleet lock', answered(), late);
  } catch (error) {
    if (!isAgentError(error, 'interrupted') || signal?.aborted === true) throw error;
    throw late();
  } finally {
    enough.abort();
  }
}

async function textOf({ body }: HttpAnswer): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    size += piece.length;
    if (size > longestAnswer) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Errors are `{kind, value}` as JSON, from older servers a line of text. */
function saidIn(status: number, text: string): string {
  const { kind, value } = errorIn(text);
  const said = [kind, value].filter((part) => typeof part === 'string' && part !== '').join(': ');
  const line = said === '' ? (text.split('\n', 1)[0] ?? '') : said;
  // It may stand in a journal or on a terminal.
  const plain = line.replace(/\p{C}/gu, ' ').trim().slice(0, 200);
  return plain === '' ? `it answered ${status}` : plain;
}

function errorIn(text: string): { readonly kind?: unknown; readonly value?: unknown } {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}
