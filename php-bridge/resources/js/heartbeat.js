// @presenceHeartbeat: sends heartbeats for all tabs of a browser, and ends the session when the last tab is closed.
// The server removes comment lines and indentation. Tabs of other versions read the same message members. Only tabs of the
// same user and scope share a channel, because each user needs heartbeats of their own.
(config => {
  const tabs = new Map(), me = Math.random(), interval = config.every * 1000, now = Date.now, on = addEventListener;
  const channel = window.BroadcastChannel && new BroadcastChannel(config.tabs);
  let {token, ttl} = config, expires = now() + ttl * 1000, sent = 0, grace = 0, active, stopped, closed;

  const visible = () => document.visibilityState === 'visible';
  const others = () => [...tabs.values()].filter(tab => now() - tab.seenAt < interval + 60000);
  const anyVisible = () => visible() || others().some(tab => tab.visible);
  const announce = extra => channel && !closed &&
    channel.postMessage({me, visible: visible(), beaten: sent, active, ...extra});
  // Resolves to null if the app's session has ended.
  const call = async (url, options = {}) => {
    const reply = await fetch(url, {...options, headers: {Accept: 'application/json', ...options.headers}});
    return reply.status === 401 || reply.status === 419 ? null : reply;
  };

  const renew = async () => {
    const reply = await call(config.renew);
    if (!reply) return stopped = true;
    // Such as 503 during maintenance: the next heartbeat tries again.
    if (!reply.ok) throw reply;
    ({token, ttl} = await reply.json());
    expires = now() + ttl * 1000;
  };
  const heartbeat = async () => {
    active = anyVisible();
    sent = now();
    announce();
    if (token && now() > expires - 60000) await renew();
    const auth = () => token ? {Authorization: 'Bearer ' + token} : {'X-CSRF-TOKEN': config.csrf};
    const post = () => closed || call(config.url, {
      method: 'POST', headers: {'Content-Type': 'application/json', ...auth()},
      body: JSON.stringify({active, sent_at: now()})
    });
    if (stopped || await post()) return;
    if (token) await renew();
    stopped = stopped || !token || !await post();
  };
  const sendIfDue = () => {
    const due = now() - sent > interval * 0.9 || anyVisible() !== active;
    if (!stopped && !closed && due) heartbeat().catch(() => {});
  };
  const end = () => {
    const body = {end: true, sent_at: now()}, {csrf, url} = config;
    navigator.sendBeacon(url, token ? JSON.stringify({token, ...body}) : new URLSearchParams({_token: csrf, ...body}));
  };
  const leave = url => {
    if (url && new URL(url, location).origin === location.origin) grace = now() + 10000;
  };

  if (channel) channel.onmessage = ({data}) => {
    data.gone ? tabs.delete(data.me) : tabs.set(data.me, {visible: data.visible, seenAt: now()});
    if (data.beaten > sent) ({beaten: sent, active} = data);
    if (data.hello) announce();
    if (data.gone) setTimeout(sendIfDue, 5000);
  };
  if (window.navigation) navigation.addEventListener('navigate', e => {
    if (!e.destination.sameDocument) leave(e.destination.url);
  });
  else for (const type of ['click', 'submit']) on(type, e => {
    leave(e.target.action || (e.target.closest('a[href]') || {}).href);
  }, true);
  on('visibilitychange', () => {
    announce();
    setTimeout(sendIfDue, visible() ? 0 : 500);
  });
  on('pagehide', () => {
    announce({gone: true});
    closed = true;
    if (!stopped && now() > grace && !others().length) end();
  });
  on('pageshow', ({persisted}) => {
    closed = false;
    // Back from another site: the session has ended, so a heartbeat is due at once.
    if (persisted) sent = 0;
    announce({hello: true});
    setTimeout(sendIfDue, persisted ? 0 : 200);
  });
  setInterval(() => { announce(); sendIfDue() }, interval);
})
