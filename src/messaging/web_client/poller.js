/**
 * When to poll: at once, then backing off while there are no messages, and more often again after a message. Pauses while
 * the tab is hidden or the browser is offline, and never polls sooner than the server allows.
 */

/** Seconds between two polls: right after a message, and at most. */
const MIN_INTERVAL = 3;
const MAX_INTERVAL = 30;
const GROWTH = 2;

/** Returns the seconds to wait after a poll, given the previous interval and whether the poll found messages. */
export function nextInterval(previous, found) {
  return found ? MIN_INTERVAL : Math.min(Math.max(MIN_INTERVAL, previous * GROWTH), MAX_INTERVAL);
}

/** Calls `step` until it is stopped or the credentials are rejected. */
export class Poller {
  #step;
  #report;
  #interval = 0;
  #due = 0;
  /** The time before which the server allows no poll, also on request of the user. */
  #notBefore = 0;
  #failure = null;
  #stopped = new AbortController();
  #wake = () => {};

  /**
   * @param step polls once, with an AbortSignal; returns `{found, more}`: whether there were messages, and whether more may
   *   follow at once
   * @param report receives each state: `{name, until, message}`; a name is one of polling, waiting, refused, unreachable,
   *   hidden, offline, unauthorized
   */
  constructor({step, report}) {
    this.#step = step;
    this.#report = report;
  }

  /** Polls until it is stopped. */
  async run() {
    const {signal} = this.#stopped;
    document.addEventListener('visibilitychange', () => this.now(), {signal});
    for (const event of ['online', 'offline']) addEventListener(event, () => this.now(), {signal});
    while (!signal.aborted) {
      const obstacle = !navigator.onLine ? 'offline' : document.hidden ? 'hidden' : null;
      const remaining = this.#due - Date.now();
      if (obstacle) {
        await this.#sleep({name: obstacle});
      } else if (remaining > 0) {
        await this.#sleep({name: 'waiting', ...this.#failure, until: this.#due}, remaining);
      } else {
        await this.#poll(signal);
      }
    }
  }

  /** Polls at once, or as soon as the server allows it. */
  now() {
    this.#due = Math.min(this.#due, Math.max(Date.now(), this.#notBefore));
    this.#wake();
  }

  /** Stops polling, and aborts the current poll. */
  stop() {
    this.#stopped.abort();
    this.#wake();
  }

  async #poll(signal) {
    this.#report({name: 'polling'});
    try {
      const {found, more} = await this.#step(signal);
      this.#failure = null;
      this.#schedule(found, more ? 0 : undefined);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) {
        this.stop();
        this.#report({name: 'unauthorized', message: error.message});
        return;
      }
      this.#failure = {name: error.status ? 'refused' : 'unreachable', message: error.message};
      this.#notBefore = Date.now() + (error.retryAfter ?? 0) * 1000;
      this.#schedule(0);
    }
  }

  #schedule(found, seconds) {
    this.#interval = nextInterval(this.#interval, found);
    this.#due = Math.max(Date.now() + (seconds ?? this.#interval) * 1000, this.#notBefore);
  }

  /** Waits for some milliseconds, or without limit, until it is woken. */
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
