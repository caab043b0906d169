// @presenceHeartbeat: sends heartbeats for all tabs of a browser, and ends the session when the last tab is closed.
// The server removes comment lines and indentation. Tabs of other versions read the same message members.
(config => {
  const tabs = new Map(), me = Math.random(), interval = config.every * 1000, now = Date.now, on = addEventListener;
  const channel = window.BroadcastChannel && new BroadcastChannel('presence');
  let {token, ttl} = config, expiresAt = now() + ttl * 1000, lastSent = 0, graceUntil = 0, active, stopped, closed;

  const visible = () => document.visibilityState === 'visible';
  const others = () => [...tabs.values()].filter(tab => now() - tab.seenAt < interval + 60000);
  const anyVisible = () => visible() || others().some(tab => tab.visible);
  const announce = extra => channel && !closed &&
    channel.postMessage({me, visible: visible(), beaten: lastSent, active, ...extra});
  // Resolves to null if the app's session has ended.
  const call = async (url, options = {}) => {
    const response = await fetch(url, {...options, headers: {Accept: 'application/json', ...options.headers}});
    return response.status === 401 || response.status === 419 ? null : response;
  };

  const renew = async () => {
    const response = await call(config.renew);
    if (!response) return stopped = true;
    ({token, ttl} = await response.json());
    expiresAt = now() + ttl * 1000;
  };
  const heartbeat = async () => {
    active = anyVisible();
    lastSent = now();
    announce();
    if (token && now() > expiresAt - 60000) await renew();
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
    const isDue = now() - lastSent > interval * 0.9 || anyVisible() !== active;
    if (!stopped && !closed && isDue) heartbeat().catch(() => {});
  };
  const endSession = () => {
    const body = {end: true, sent_at: now()}, {csrf, url} = config;
    navigator.sendBeacon(url, token ? JSON.stringify({token, ...body}) : new URLSearchParams({_token: csrf, ...body}));
  };
  const onNavigate = url => {
    if (url && new URL(url, location).origin === location.origin) graceUntil = now() + 10000;
  };

  if (channel) channel.onmessage = ({data}) => {
    data.gone ? tabs.delete(data.me) : tabs.set(data.me, {visible: data.visible, seenAt: now()});
    if (data.beaten > lastSent) ({beaten: lastSent, active} = data);
    if (data.hello) announce();
    if (data.gone) setTimeout(sendIfDue, 5000);
  };
  if (window.navigation) navigation.addEventListener('navigate', e => {
    if (!e.destination.sameDocument) onNavigate(e.destination.url);
  });
  else for (const type of ['click', 'submit']) on(type, e => {
    onNavigate(e.target.action || (e.target.closest('a[href]') || {}).href);
  }, true);
  on('visibilitychange', () => {
    announce();
    setTimeout(sendIfDue, visible() ? 0 : 500);
  });
  on('pagehide', () => {
    announce({gone: true});
    closed = true;
    if (!stopped && now() > graceUntil && !others().length) endSession();
  });
  on('pageshow', () => {
    closed = false;
    announce({hello: true});
    setTimeout(sendIfDue, 200);
  });
  setInterval(() => { announce(); sendIfDue() }, interval);
})
