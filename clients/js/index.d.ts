/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** connecting: no connection. live: connected, and the source works. failing: connected, but the source fails; the
 * document is the last good one. stale: nothing came for `staleAfter`. closed: by close(), the signal or a final error. */
export type State = 'connecting' | 'live' | 'failing' | 'stale' | 'closed';

export type Mode = 'snapshot-patch' | 'snapshot-only' | 'event' | 'changes';

/** A URL of an event stream, or a topic of a server. Without a server: of the page's own origin. */
export type Source = string | URL | { server?: string | URL; topic: string };

/** One operation of a JSON Patch (RFC 6902). */
export type Operation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; from: string; path: string };

/** The document is another one now. Neither it nor the one before is ever changed; what is alike is shared. */
export interface DocumentChange<T> {
  id: string;
  document: T;
  previous: T | undefined;
  data?: undefined;
}

export interface SnapshotChange<T> extends DocumentChange<T> {
  type: 'snapshot';
  patch?: undefined;
}

export interface PatchChange<T> extends DocumentChange<T> {
  type: 'patch';
  previous: T;
  /** How the one became the other. */
  patch: Operation[];
}

/** A message, of mode `event`; or what happened to the elements of a document, of mode `changes`. */
export interface Message<T, Type> {
  type: Type;
  id: string;
  data: T;
  document?: undefined;
  previous?: undefined;
  patch?: undefined;
}

/** T: of documents, or of messages. */
export type Change<T> = SnapshotChange<T> | PatchChange<T> | Message<T, 'event'> | Message<any, 'changes'>;

export interface StateChange { state: State; previous: State }

/** As the server told them last: when the document last changed, and when the source was last asked with success. */
export interface Check { since: Date; checked?: Date }

export interface Options<T> {
  /** Default: the topic's own. */
  mode?: Mode;
  /** Sent with each request; a function is asked each time. */
  headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>);
  /** Used in the place of the global one. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Closes it when aborted. */
  signal?: AbortSignal;
  /** Goes on after this event; with `document`, the one that it made. */
  lastEventId?: string;
  document?: T;
  /** Milliseconds before the first attempt to connect again, unless the server says otherwise; doubled each time. Default 1000. */
  retry?: number;
  /** The most that becomes of them. Default 30000. */
  maxRetry?: number;
  /** Milliseconds of silence that make it stale; after as many again it connects anew. Default 15000; more than the
   * server's heartbeat. */
  staleAfter?: number;
  onChange?: (change: Change<T>) => void;
  onError?: (error: FollowError) => void;
  onState?: (change: StateChange) => void;
  onStale?: (change: StateChange) => void;
  onCheck?: (check: Check) => void;
}

export interface FollowerEvent<D> extends Event { readonly detail: D }

export interface FollowerEvents<T> {
  change: FollowerEvent<Change<T>>;
  error: FollowerEvent<FollowError>;
  state: FollowerEvent<StateChange>;
  check: FollowerEvent<Check>;
}

export declare class Follower<T = any> extends EventTarget implements AsyncIterable<Change<T>> {
  constructor(source: Source, options?: Options<T>);
  /** As it is now; undefined: none came yet, or the mode has none. */
  readonly document: T | undefined;
  /** Of the event that made it so. */
  readonly id: string | undefined;
  readonly state: State;
  readonly since: Date | undefined;
  readonly checked: Date | undefined;
  /** The last one. */
  readonly error: FollowError | undefined;
  /** The first document; rejects when it was closed before. */
  readonly ready: Promise<T>;
  close(): void;
  [Symbol.asyncIterator](): AsyncGenerator<Change<T>, void, void>;
  addEventListener<K extends keyof FollowerEvents<T>>(type: K, listener: (event: FollowerEvents<T>[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** Follows a topic from now on. */
export declare function follow<T = any>(source: Source, options?: Options<T>): Follower<T>;

/** What went wrong: told by the server (`code`, `category`), by the status of an answer, or by the connection. */
export declare class FollowError extends Error {
  readonly status: number | undefined;
  readonly code: number | undefined;
  readonly category: string | undefined;
  /** No further attempt is made. */
  readonly final: boolean;
}

export declare class PatchError extends Error {}

/** The document after the patch. Throws PatchError; then nothing has changed. The document given is never changed. */
export declare function applyPatch(document: unknown, patch: Operation[]): any;
