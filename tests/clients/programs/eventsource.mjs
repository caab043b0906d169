// Follows a stream with npm's eventsource, which reconnects by itself: eventsource.mjs MODULE URL TOKEN

const [module, url, token] = process.argv.slice(2);
const {EventSource} = await import(module);
const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, {...init, headers: {...init.headers, Authorization: `Bearer ${token}`}}),
});
source.addEventListener('message', event => console.log(`message ${event.data}`));
source.addEventListener('place', event => console.log('place', ...Object.keys(JSON.parse(event.data)).filter(key => key !== 'cursor')));
for (const status of ['online', 'away', 'offline'])
  source.addEventListener(status, event => console.log(status, JSON.parse(event.data).user_id));
