/** The change log as it grows: Server-Sent Events by fetch, since an EventSource cannot send the token in a header. */

import {request} from './api.js';

const SILENT = 40000, FIRST = 500, MOST = 5000;

/** The events of a text, and the rest that is not complete yet. */
export const parse = text => {
  const blocks = text.split('\n\n'), rest = blocks.pop();
  const events = blocks.map(block => {
    const fields = {};
    for (const line of block.split('\n')) {
      const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (name) fields[name] = value;
    }
    return fields;
  });
  return {events, rest};
};

/** Follows until `stop` is called. `handlers`: change(entry), state('live' | 'waiting'), lost(), unauthorized(). */
export const follow = handlers => {
  let cursor, tries = 0, stopped = false, isOpening = false, abort, timer;

  const read = async response => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      // A connection that is dead after a sleep of the machine does not end by itself.
      const watchdog = setTimeout(() => abort.abort(), SILENT);
      const {value, done} = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return;
      const {events, rest} = parse(text + value);
      text = rest;
      for (const {id, event, data} of events) {
        cursor = id ?? cursor;
        if (event && event !== 'place') handlers.change(JSON.parse(data));
      }
    }
  };

  const open = async () => {
    abort = new AbortController();
    isOpening = true;
    try {
      const headers = {Accept: 'text/event-stream', ...cursor && {'Last-Event-ID': cursor}};
      const response = await request('api/v1/presence/stream', {headers, signal: abort.signal});
      if (response.status === 401) return handlers.unauthorized();
      if (response.status === 409) {
        cursor = undefined;
        handlers.lost();
        return setTimeout(next, 0);
      }
      if (response.ok) {
        const isAgain = tries > 0 && !cursor;
        tries = 0;
        handlers.state('live');
        if (isAgain) handlers.lost();
        await read(response);
      }
    } catch { /* Tries again. */ } finally { isOpening = false; }
    if (stopped) return;
    handlers.state('waiting');
    timer = setTimeout(next, Math.min(FIRST * 2 ** tries++, MOST) * (0.5 + Math.random() / 2));
  };

  const next = () => { if (!stopped) open(); };
  // Not later than the network is back. There is never a second stream beside one that is being opened.
  const online = () => {
    if (stopped || !tries || isOpening) return;
    clearTimeout(timer);
    next();
  };
  addEventListener('online', online);
  next();
  return () => {
    stopped = true;
    removeEventListener('online', online);
    clearTimeout(timer);
    abort?.abort();
  };
};
