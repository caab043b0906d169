/** What the poller does, in words: shown always, announced when it matters. */

const WORDS = {
  none: () => 'Not registered',
  polling: () => 'Polling…',
  waiting: () => 'Waiting',
  refused: ({message}) => message,
  unreachable: ({message}) => message,
  hidden: () => 'Paused while this tab is hidden',
  offline: () => 'Offline: polling goes on once there is a network',
  unauthorized: () => 'Not authorized',
};

/** Those that come and go all the time are not read aloud. */
const QUIET = ['none', 'polling', 'waiting', 'hidden'];

const status = document.getElementById('status');
const text = document.getElementById('status-text');
const countdown = document.getElementById('countdown');
const announcement = document.getElementById('announcement');
const notice = document.getElementById('notice');

/** Milliseconds that a notice stays. */
const NOTICE = 6000;

let ticking, fading, troubled = false;

/** Shows a state of the poller. */
export function show(state) {
  const words = WORDS[state.name](state);
  status.dataset.state = state.name;
  text.textContent = words;
  tick(state.until);
  const trouble = !QUIET.includes(state.name);
  if (trouble && words !== announcement.textContent) announcement.textContent = words;
  if (state.name === 'waiting' && troubled) announcement.textContent = 'Polling again';
  if (state.name !== 'polling') troubled = trouble;
}

/** Tells for a moment what became of something the user did. */
export function tell(words) {
  clearTimeout(fading);
  notice.textContent = words;
  fading = setTimeout(() => notice.replaceChildren(), NOTICE);
}

function tick(until) {
  clearInterval(ticking);
  countdown.textContent = '';
  if (until === undefined) return;
  const write = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    countdown.textContent = `next poll in ${seconds} s`;
  };
  write();
  ticking = setInterval(write, 250);
}
