// Inertia with React.
import * as React from 'react';
import type {UserPresence} from 'presence-sidecar-browser';
import {presence} from './presence';

/** The newest entry of a user, live; undefined as long as none is known. */
export function usePresence(id: string | number): UserPresence | undefined {
  const subscribe = React.useCallback((changed: () => void) => presence.watch(id, changed), [id]);
  return React.useSyncExternalStore(subscribe, () => presence.get(id));
}

/** <Person id={user.id} name={user.name} /> */
export function Person({id, name}: {id: string | number; name: string}): React.JSX.Element {
  const user = usePresence(id);
  return <p>{name} is {user?.status ?? 'offline'}</p>;
}
