/** Live presence in pages, from a presence-sidecar. */

/** Online, away or offline. */
export type Status = 'online' | 'away' | 'offline';

/** Why a change was recorded. */
export type Cause = 'heartbeat' | 'online' | 'offline' | 'session_end' | 'away_after' | 'ttl' | 'record_forgotten'
  | 'record_adopted' | 'clock' | 'reconciled';

/** What is known of a user: an entry of a snapshot, or a change. */
export interface UserPresence {
  user_id: string | number;
  status: Status;
  /** Of two entries of a user, the greater one is the later. */
  seq: number;
  scope?: Record<string, string | number | null>;
  occurred_at?: string;
  last_seen_at?: string | null;
  cause?: Cause | null;
  meta?: unknown;
}

/** The part of Laravel Echo that is used. */
export interface EchoLike {
  channel(name: string): {listen(event: string, listener: (change: UserPresence) => void): unknown};
}

export interface Options {
  /** The sidecar's address; by default the page's origin. */
  url?: string;
  /** A user token, or a function that mints one. */
  token?: string | (() => string | {token: string} | Promise<string | {token: string}>);
  /** A route of the app that answers `{"token": …}`; the page's cookies are sent. */
  tokenUrl?: string;
  /** Whether the open page keeps its user online; true by default. */
  presence?: boolean;
  /** Whether the page follows the sidecar's stream; true by default. With false it sends heartbeats only. */
  stream?: boolean;
  /** Seconds between heartbeats of a page without a stream; 30 by default. */
  every?: number;
  /** The route for heartbeats; `{url}/presence/heartbeat` by default. */
  heartbeat?: string;
  /** Laravel's CSRF token, for heartbeats to a route of the app; then no other token is needed. */
  csrf?: string;
  /** The name that the tabs of one user share; made from the token by default. */
  tabs?: string;
  /** Whether tabs may share a SharedWorker; true by default. */
  worker?: boolean;
  /** Laravel Echo: changes are taken from its channel as well, or alone if there is no token. */
  echo?: EchoLike;
  /** The channel of Echo; `status.global` by default. */
  channel?: string;
  /** The parts of the scope whose changes are taken from Echo; by default those of the token, and without one all. */
  scope?: Record<string, string | number | null>;
}

export interface PresenceEventMap {
  change: CustomEvent<UserPresence>;
  /** The stream is open: what is known is up to date. */
  open: CustomEvent<Record<string, never>>;
  closed: CustomEvent<Record<string, never>>;
  /** What the sidecar refused, such as `too_many`; `session` if the app's session has ended. */
  refused: CustomEvent<{reason: string}>;
}

/** The presence that a page sees. */
export interface Presence extends EventTarget {
  readonly open: boolean;
  /** The newest entry of a user; undefined as long as none is known. */
  get(id: string | number): UserPresence | undefined;
  /** Calls `listener` with each change of a user, and at once with what is known. Returns a function that ends it. */
  watch(id: string | number, listener: (user: UserPresence) => void): () => void;
  /** Ends the connection of this page, and its session if this was the last tab of a user without a stream. */
  close(): void;
  addEventListener<K extends keyof PresenceEventMap>(
    type: K, listener: (event: PresenceEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** Connects the page. The badges of the page show what the first connection sees. */
export function connect(options?: Options): Presence;
