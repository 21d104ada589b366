import { AgentError } from '../../../core/errors.ts';
import type { Bus } from '../../../systemd/bus/client.ts';
import type { NameState } from '../../../systemd/bus/incoming.ts';
import {
  emitAdded,
  emitChanged,
  emitRemoved,
  emitSignal,
  serve,
  type Caller,
  type ServedObject,
  type ServedTree,
} from '../../../systemd/bus/objects.ts';
import type { Agent } from '../../agent.ts';
import type { Explanation } from '../../explain.ts';
import type { FleetReport } from '../../fleet/reconcile.ts';
import type { Actor } from '../../records.ts';
import type { Loop, LoopState } from '../loop.ts';
import type { PassImages } from '../pass.ts';
import { explanationOf, extensionRows, operationRows, rowsOnSystem } from './answers.ts';
import { countIn, isReference, nameIn, osReleaseIn, pathIn, requestOf, type Request } from './arguments.ts';
import { authorize, requirePresent, uidOf } from './authority.ts';
import { carryOut } from './changes.ts';
import { actionOf, jobInterface, managerInterface, managerPath, serviceName } from './definition.ts';
import { Jobs, type Job, type JobListener } from './jobs.ts';
import { Reads } from './reads.ts';
import { ServiceState, type ManagerProperties } from './state.ts';
import { toldError, type ToldError } from './told.ts';
import { requireTrusted } from './trusted-path.ts';

export interface ApiParts {
  readonly bus: Bus;
  readonly version: string;
  /** The agent for one piece of work. */
  agentFor(signal: AbortSignal, reason: string | undefined, actor?: Actor): Agent;
  explanationText(explanation: Explanation): Promise<string>;
  /** Says whether an image could be installed on this host. */
  check(agent: Agent, path: string): Promise<CheckedImage>;
  /** Is told whether calls come to us. */
  named(state: NameState): void;
}

/** What `Check` tells of an image. */
export interface CheckedImage {
  readonly name: string;
  readonly version: string;
  readonly fits: boolean;
  readonly why: string;
  /** The rule, what installing would do about it (`refused`, `allowed`, `told`), and what it is. */
  readonly findings: readonly (readonly [rule: string, verdict: string, message: string])[];
}

/** What carries out changes. */
export interface Workshop extends PassImages {
  readonly loop: Loop;
}

/** The service on the bus: the manager and its jobs. */
export class Api implements ServedTree, JobListener {
  readonly manager = managerPath;
  readonly #parts: ApiParts;
  readonly #jobs = new Jobs(this);
  readonly #reads = new Reads();
  readonly #reader: Agent;
  readonly #state: ServiceState;
  readonly #manager: ServedObject;
  #workshop: Workshop | undefined;
  #deciding = 0;

  constructor(parts: ApiParts, stop: AbortSignal) {
    this.#parts = parts;
    this.#reader = parts.agentFor(stop, undefined);
    this.#state = new ServiceState(this.#reader, parts.version);
    this.#manager = {
      definition: managerInterface,
      call: (member, body, caller) => this.#call(member, body, caller),
      properties: () => this.#state.values,
    };
  }

  /** Begins to answer. */
  serve(workshop: Workshop): void {
    this.#workshop = workshop;
    serve(this.#parts.bus, serviceName, this);
  }

  paths(): string[] {
    return [managerPath, ...this.#jobs.all().map(({ path }) => path)];
  }

  at(path: string): ServedObject | undefined {
    if (path === managerPath) return this.#manager;
    const job = this.#jobs.at(path);
    return job === undefined ? undefined : this.#jobObject(job);
  }

  told(error: unknown): ToldError {
    return toldError(error);
  }

  named(state: NameState): void {
    this.#parts.named(state);
  }

  /** Something that takes time has begun. */
  progress(what: string): void {
    this.#jobs.progress(what);
  }

  /** What is fetched is so far, in words. */
  transfer(what: string): void {
    this.#jobs.transfer(what);
  }

  done(report: FleetReport): void {
    this.#tell(this.#state.done(report));
  }

  failed(error: unknown): void {
    this.#tell(this.#state.failed(error));
  }

  entered(state: LoopState): void {
    this.#tell(this.#state.entered(state));
  }

  begun(job: Job): void {
    const { id, path } = job;
    emitAdded(this.#parts.bus, this, path, this.#jobObject(job));
    emitSignal(this.#parts.bus, managerPath, managerInterface, 'JobNew', [id, path]);
  }

  changed(job: Job): void {
    const { State, Progress, Transfer, Error } = propertiesOf(job);
    emitChanged(this.#parts.bus, job.path, jobInterface, { State, Progress, Transfer, Error });
  }

  ended({ id, path, state, error = { name: '', message: '' } }: Job): void {
    const body = [id, path, state, error.name, error.message];
    emitSignal(this.#parts.bus, managerPath, managerInterface, 'JobRemoved', body);
    if (state === 'done') this.#workshop?.loop.poke('extensions were changed over D-Bus');
  }

  forgotten({ path }: Job): void {
    emitRemoved(this.#parts.bus, this, path, jobInterface);
  }

  #tell(changed: ManagerProperties): void {
    if (Object.keys(changed).length > 0) emitChanged(this.#parts.bus, managerPath, managerInterface, changed);
  }

  async #call(member: string, body: readonly unknown[], caller: Caller): Promise<readonly unknown[]> {
    switch (member) {
      case 'List':
        return [await this.#reads.ask(member, () => extensionRows(this.#reader))];
      case 'Explain': {
        const name = nameIn(body[0]);
        const look = () => explanationOf(this.#reader, name, (found) => this.#parts.explanationText(found));
        return [await this.#reads.ask(`${member} ${name}`, look)];
      }
      case 'Check': {
        const path = pathIn(body[0]);
        if ((await uidOf(this.#parts.bus, caller)) !== 0) requireTrusted(path);
        const look = () => this.#parts.check(this.#reader, path);
        const { name, version, fits, why, findings } = await this.#reads.ask(`${member} ${path}`, look);
        return [name, version, fits, why, findings];
      }
      case 'CheckOs': {
        const osRelease = osReleaseIn(body[0]);
        return [await this.#reads.ask(`${member} ${osRelease}`, () => rowsOnSystem(this.#reader, osRelease))];
      }
      case 'History': {
        const count = countIn(body[0]);
        return [await this.#reads.ask(`${member} ${count}`, () => operationRows(this.#reader, count))];
      }
      default:
        return [(await this.#change(requestOf(member, body), caller)).path];
    }
  }

  async #change(request: Request, caller: Caller): Promise<Job> {
    const { method, names } = request;
    const workshop = this.#workshop;
    if (workshop === undefined) throw new AgentError('internal', 'a call came before the service was ready');
    const uid = await this.#permitted(caller, async () => {
      if (method === 'Install') for (const path of names.filter((ref) => !isReference(ref))) requireTrusted(path);
      await authorize(this.#parts.bus, caller, actionOf[method], { names: names.join(', ') });
    });
    const actor = { uid, command: [`${serviceName}.${method}`, ...names].join(' ').slice(0, 1000) };
    return this.#jobs.add(workshop.loop, { verb: method.toLowerCase(), names, uid }, (signal) =>
      carryOut(this.#parts.agentFor(signal, request.reason, actor), request, workshop),
    );
  }

  /** Lets root pass, and asks for one of a bounded number of others: polkit may have to wait for a person. */
  async #permitted(caller: Caller, ask: (uid: number) => Promise<void>): Promise<number> {
    const uid = await uidOf(this.#parts.bus, caller);
    if (uid === 0) return uid;
    if (this.#deciding >= mostDecisions) {
      throw new AgentError('busy', 'too many wait for polkit already', { next: 'Ask again later.', retryable: true });
    }
    this.#deciding += 1;
    try {
      await ask(uid);
      // Who was asked for a password may have gone meanwhile: nobody would hear of the job, or could cancel it.
      await requirePresent(this.#parts.bus, caller);
      return uid;
    } finally {
      this.#deciding -= 1;
    }
  }

  #jobObject(job: Job): ServedObject {
    return {
      definition: jobInterface,
      call: async (_, __, caller) => {
        await this.#permitted(caller, async (uid) => {
          if (uid === job.uid) return;
          await authorize(this.#parts.bus, caller, 'cancel', { names: job.names.join(', ') });
        });
        this.#jobs.cancel(job.id);
        return [];
      },
      properties: () => propertiesOf(job),
    };
  }
}

/** How many may wait for polkit at a time. */
const mostDecisions = 32;

function propertiesOf({ id, verb, names, state, progress, transfer, error }: Job): Record<string, unknown> {
  const text = error === undefined ? '' : `${error.name}: ${error.message}`;
  return { Id: id, Verb: verb, Names: names, State: state, Progress: progress, Transfer: transfer, Error: text };
}
