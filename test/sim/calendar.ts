import { windowAt, type MaintenanceWindow, type WindowState } from '../../src/core/windows.ts';

/** The maintenance windows of a host. Time goes on only: what was found out holds until they open or close. */
export class Calendar {
  readonly windows: readonly MaintenanceWindow[];
  readonly #share: number;
  #state: WindowState | undefined;
  #until = -Infinity;

  /** @param share the place of the host among others, as that of src/systemd/machine-id.ts. */
  constructor(windows: readonly MaintenanceWindow[], share: number) {
    this.windows = windows;
    this.#share = share;
  }

  at(time: number): WindowState {
    if (this.#state === undefined || time >= this.#until) {
      this.#state = windowAt(this.windows, new Date(time), { zone: () => 'UTC', share: () => this.#share });
      const turn = this.#state.open ? this.#state.until : this.#state.next;
      this.#until = turn?.getTime() ?? Infinity;
    }
    return this.#state;
  }
}
