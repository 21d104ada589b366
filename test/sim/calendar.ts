import { windowAt, type MaintenanceWindow, type WindowState } from '../../src/core/windows.ts';

/** The maintenance windows of many hosts. Time goes on only: what was found out holds until they open or close. */
export class Calendar {
  readonly windows: readonly MaintenanceWindow[];
  #state: WindowState | undefined;
  #until = -Infinity;

  constructor(windows: readonly MaintenanceWindow[]) {
    this.windows = windows;
  }

  at(time: number): WindowState {
    if (this.#state === undefined || time >= this.#until) {
      this.#state = windowAt(this.windows, new Date(time), 'UTC');
      const turn = this.#state.open ? this.#state.until : this.#state.next;
      this.#until = turn?.getTime() ?? Infinity;
    }
    return this.#state;
  }
}
