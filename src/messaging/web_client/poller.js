/**
 * When to poll: at once, then ever more slowly while nothing comes, quickly again once something does. Not while the tab is
 * hidden or the machine is offline, and never sooner than the server allows.
 */

/** Seconds between two polls: right after a message, and at most. */
const SHORTEST = 3;
const LONGEST = 30;
const GROWTH = 2;

/** The seconds to wait after a poll, by those that were waited before it and by what it found. */
export function pace(waited, found) {
  return found ? SHORTEST : Math.min(Math.max(SHORTEST, waited * GROWTH), LONGEST);
}

/** Calls `step` until it is stopped or the credentials are refused. */
export class Poller {
  #step;
  #report;
  #waited = 0;
  #due = 0;
  /** What the server asked for: nothing before this time, whoever asks. */
  #barrier = 0;
  #trouble = null;
  #stopped = new AbortController();
  #wake = () => {};

  /**
   * @param step polls once, given an AbortSignal: `{found, more}`, how many messages came and whether others may follow
   * @param report is told each state: `{name, until, message}`; a name is one of polling, waiting, refused, unreachable,
   *   hidden, offline, unauthorized
   */
  constructor({step, report}) {
    this.#step = step;
    this.#report = report;
  }

  /** Runs to its end. */
  async run() {
    const {signal} = this.#stopped;
    document.addEventListener('visibilitychange', () => this.now(), {signal});
    for (const event of ['online', 'offline']) addEventListener(event, () => this.now(), {signal});
    while (!signal.aborted) {
      const obstacle = !navigator.onLine ? 'offline' : document.hidden ? 'hidden' : null;
      const rest = this.#due - Date.now();
      if (obstacle) {
        await this.#sleep({name: obstacle});
      } else if (rest > 0) {
        await this.#sleep({name: 'waiting', ...this.#trouble, until: this.#due}, rest);
      } else {
        await this.#poll(signal);
      }
    }
  }

  /** Polls without waiting any longer, unless the server asked to be left alone. */
  now() {
    this.#due = Math.min(this.#due, Math.max(Date.now(), this.#barrier));
    this.#wake();
  }

  /** Ends it; a poll under way is given up. */
  stop() {
    this.#stopped.abort();
    this.#wake();
  }

  async #poll(signal) {
    this.#report({name: 'polling'});
    try {
      const {found, more} = await this.#step(signal);
      this.#trouble = null;
      this.#wait(found, more ? 0 : undefined);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) {
        this.stop();
        this.#report({name: 'unauthorized', message: error.message});
        return;
      }
      this.#trouble = {name: error.status ? 'refused' : 'unreachable', message: error.message};
      this.#barrier = Date.now() + (error.retryAfter ?? 0) * 1000;
      this.#wait(0);
    }
  }

  #wait(found, seconds) {
    this.#waited = pace(this.#waited, found);
    this.#due = Math.max(Date.now() + (seconds ?? this.#waited) * 1000, this.#barrier);
  }

  /** Until it is woken, or for so many milliseconds. */
  #sleep(state, milliseconds) {
    this.#report(state);
    return new Promise(resolve => {
      const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
