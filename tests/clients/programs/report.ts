// Runs the calls of a program one after the other, and prints the id and the status of each.

import {createHmac} from 'node:crypto';

export interface Settings {
  url: string;
  service: string;
  admin: string;
  operator: string;
  client: string;
  clientToken: string;
  sealed: {ciphertext: string; nonce: string; tag: string; aad: unknown};
}

export const settings: Settings = JSON.parse(process.env.SIDECAR_SETTINGS ?? '{}');

export const bearer = (token: string) => ({Authorization: `Bearer ${token}`});

/** A token of the user 42 that is valid for some seconds, as an application signs it. */
export function userToken(seconds: number): string {
  const claims = {sub: 42, watch: [42], exp: Math.floor(Date.now() / 1000) + seconds};
  const text = [{alg: 'HS256', typ: 'JWT'}, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${createHmac('sha256', settings.service).update(text).digest('base64url')}`;
}

export type Call = () => Promise<{status: number}>;

export async function report(calls: Record<string, Call>): Promise<void> {
  for (const [id, call] of Object.entries(calls)) {
    const {status} = await call();
    console.log(`${id} ${status}`);
  }
}

export function expect(condition: unknown, what: string): void {
  if (!condition) throw new Error(what);
}
