import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { close, listen } from '../integration/support/server.ts';

/** What came to the server. */
export interface AskedOperation {
  readonly operation: string;
  readonly id: string;
  readonly group: string;
  readonly status: number;
}

/**
 * A FleetLock server: a semaphore with owners for each group. Locking and unlocking may be asked for twice, and what is
 * not asked for in the words of the protocol is refused.
 */
export interface FleetLockServer extends AsyncDisposable {
  /** The base of its addresses. */
  readonly url: string;
  /** Everything that was asked, oldest first. */
  readonly asked: AskedOperation[];
  /** Who has the slots of a group. */
  owners(group: string): string[];
  /** Someone else takes a slot, or gives it back. */
  take(group: string, id: string): void;
  release(group: string, id: string): void;
  /** The next answers are an error of the server: after the work was done, or before. */
  fail(count: number, when: 'before' | 'after'): void;
}

/** @param slots how many there are of each group. */
export async function fleetLockServer(slots: Readonly<Record<string, number>>): Promise<FleetLockServer> {
  const groups = new Map(Object.keys(slots).map((group) => [group, new Set<string>()]));
  const asked: AskedOperation[] = [];
  let failures = { left: 0, when: 'before' };
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const operation = /^\/base\/v1\/(pre-reboot|steady-state)$/.exec(request.url ?? '')?.[1];
    const params = await paramsOf(request);
    const answer = (status: number, kind = '', value = '') => {
      if (params !== undefined) asked.push({ operation: operation ?? '', ...params, status });
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 200 ? '' : JSON.stringify({ kind, value }));
    };
    if (operation === undefined || request.method !== 'POST') {
      answer(404, 'not_found', 'no such operation');
      return;
    }
    if (request.headers['fleet-lock-protocol'] !== 'true' || params === undefined) {
      answer(400, 'bad_request', 'not in the words of the protocol');
      return;
    }
    const owners = groups.get(params.group);
    if (owners === undefined) {
      answer(400, 'unknown_group', `there is no group ${params.group}`);
      return;
    }
    const failing = failures.left > 0;
    failures = { ...failures, left: Math.max(0, failures.left - 1) };
    if (failing && failures.when === 'before') {
      answer(500, 'internal', 'the database is away');
      return;
    }
    const isFull = !owners.has(params.id) && owners.size >= (slots[params.group] ?? 0);
    if (operation === 'pre-reboot' && isFull) {
      answer(500, 'failed_lock', 'all slots are taken');
      return;
    }
    if (operation === 'pre-reboot') owners.add(params.id);
    else owners.delete(params.id);
    if (failing) request.socket.destroy();
    else answer(200);
  };
  const server = createServer((request, response) => void handle(request, response));
  const url = `${await listen(server)}/base`;
  return {
    url,
    asked,
    owners: (group) => [...(groups.get(group) ?? [])],
    take: (group, id) => groups.get(group)?.add(id),
    release: (group, id) => groups.get(group)?.delete(id),
    fail: (left, when) => {
      failures = { left, when };
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function paramsOf(
  request: IncomingMessage,
): Promise<{ readonly id: string; readonly group: string } | undefined> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  try {
    const body = JSON.parse(Buffer.concat(pieces).toString()) as { client_params?: { id?: unknown; group?: unknown } };
    const { id, group } = body.client_params ?? {};
    if (typeof id !== 'string' || typeof group !== 'string' || id === '') return undefined;
    return /^[a-zA-Z0-9.-]+$/.test(group) ? { id, group } : undefined;
  } catch {
    return undefined;
  }
}
