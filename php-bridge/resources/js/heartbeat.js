(config => {
  const tabs = new Map(), me = Math.random(), every = config.every * 1000, now = Date.now, on = addEventListener;
  const channel = window.BroadcastChannel && new BroadcastChannel('presence');
  let {token, ttl} = config, expires = now() + ttl * 1000, beaten = 0, staying = 0, active, over, left;

  const visible = () => document.visibilityState === 'visible';
  const others = () => [...tabs.values()].filter(tab => now() - tab.heard < every + 60000);
  const someVisible = () => visible() || others().some(tab => tab.visible);
  const say = more => channel && !left && channel.postMessage({me, visible: visible(), beaten, active, ...more});
  const ask = async (url, options = {}) => {
    const answer = await fetch(url, {...options, headers: {Accept: 'application/json', ...options.headers}});
    return answer.status === 401 || answer.status === 419 ? null : answer;
  };

  const renew = async () => {
    const answer = await ask(config.renew);
    if (!answer) return over = true;
    ({token, ttl} = await answer.json());
    expires = now() + ttl * 1000;
  };
  const beat = async () => {
    active = someVisible();
    beaten = now();
    say();
    if (token && now() > expires - 60000) await renew();
    const proof = () => token ? {Authorization: 'Bearer ' + token} : {'X-CSRF-TOKEN': config.csrf};
    const post = () => left || ask(config.url, {
      method: 'POST', headers: {'Content-Type': 'application/json', ...proof()},
      body: JSON.stringify({active, sent_at: now()})
    });
    if (over || await post()) return;
    if (token) await renew();
    over = over || !token || !await post();
  };
  const check = () => {
    if (!over && !left && (now() - beaten > every * 0.9 || someVisible() !== active)) beat().catch(() => {});
  };
  const end = () => {
    const said = {end: true, sent_at: now()}, {csrf, url} = config;
    navigator.sendBeacon(url, token ? JSON.stringify({token, ...said}) : new URLSearchParams({_token: csrf, ...said}));
  };
  const goes = url => {
    if (url && new URL(url, location).origin === location.origin) staying = now() + 10000;
  };

  if (channel) channel.onmessage = ({data}) => {
    data.gone ? tabs.delete(data.me) : tabs.set(data.me, {visible: data.visible, heard: now()});
    if (data.beaten > beaten) ({beaten, active} = data);
    if (data.hello) say();
    if (data.gone) setTimeout(check, 5000);
  };
  if (window.navigation) navigation.addEventListener('navigate', e => {
    if (!e.destination.sameDocument) goes(e.destination.url);
  });
  else for (const type of ['click', 'submit']) on(type, e => {
    goes(e.target.action || (e.target.closest('a[href]') || {}).href);
  }, true);
  on('visibilitychange', () => {
    say();
    setTimeout(check, visible() ? 0 : 500);
  });
  on('pagehide', () => {
    say({gone: true});
    left = true;
    if (!over && now() > staying && !others().length) end();
  });
  on('pageshow', () => {
    left = false;
    say({hello: true});
    setTimeout(check, 200);
  });
  setInterval(() => { say(); check() }, every);
})
