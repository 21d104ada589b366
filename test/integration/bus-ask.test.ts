import { expect, test } from 'vitest';

import { askService } from '../../src/agent/daemon/api/client.ts';
import { jobInterface, managerInterface, managerPath, serviceName } from '../../src/agent/daemon/api/definition.ts';
import { errorNameOf } from '../../src/agent/daemon/api/told.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createBus, type Bus } from '../../src/systemd/bus/client.ts';
import { emitSignal, serve, type ServedTree } from '../../src/systemd/bus/objects.ts';
import { waitFor } from '../lab/wait.ts';
import { privateBus } from './support/private-bus.ts';

const jobPath = `${managerPath}/job/1`;

/** A service that answers a call when it is told to, and whose one job ends when it is cancelled. */
function slowService(bus: Bus) {
  const [called, answered] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let cancelled = 0;
  let isNamed = false;
  const call = async (member: string) => {
    if (member === 'Cancel') {
      cancelled += 1;
      const error = [errorNameOf('interrupted'), 'remove a was cancelled before it began'];
      emitSignal(bus, managerPath, managerInterface, 'JobRemoved', [1, jobPath, 'cancelled', ...error]);
      return [];
    }
    called.resolve(undefined);
    await answered.promise;
    return [jobPath];
  };
  const tree: ServedTree = {
    manager: managerPath,
    paths: () => [managerPath, jobPath],
    at: (path) => ({
      definition: path === managerPath ? managerInterface : jobInterface,
      call,
      properties: () => ({ Progress: 'x' }),
    }),
    told: (error) => ({ name: 'org.example.Error', message: String(error) }),
    named: () => {
      isNamed = true;
    },
  };
  serve(bus, serviceName, tree);
  return { called: called.promise, answer: answered.resolve, cancelled: () => cancelled, isNamed: () => isNamed };
}

test('Ctrl-C before the path of the job is known cancels the job as soon as it is', async () => {
  await using daemon = await privateBus();
  await using bus = createBus({ clock: systemClock, address: daemon.address });
  await using other = createBus({ clock: systemClock, address: daemon.address });
  const service = slowService(bus);
  await waitFor('the name', () => Promise.resolve(service.isNamed() || undefined));
  const interrupt = new AbortController();

  const request = { method: 'Remove', body: [['a']] } as const;
  const options = { signal: interrupt.signal, clock: systemClock, progress: () => undefined };
  const asked = askService(other, request, options);
  await service.called;
  interrupt.abort();
  service.answer(undefined);

  await expect(asked).rejects.toMatchObject({ code: 'interrupted' });
  expect(service.cancelled()).toBe(1);
});
