/** The state of the poller as text; errors and recoveries are also announced to screen readers. */

const TEXTS = {
  none: () => 'Not registered',
  polling: () => 'Polling…',
  waiting: () => 'Waiting',
  refused: ({message}) => message,
  unreachable: ({message}) => message,
  hidden: () => 'Paused while this tab is hidden',
  offline: () => 'Offline: polling resumes with the network',
  unauthorized: () => 'Not authorized',
};

/** Frequent states, which are not announced. */
const QUIET = ['none', 'polling', 'waiting', 'hidden'];

const status = document.getElementById('status');
const text = document.getElementById('status-text');
const countdown = document.getElementById('countdown');
const announcement = document.getElementById('announcement');
const notice = document.getElementById('notice');

/** Duration of a notice, in milliseconds. */
const NOTICE_DURATION = 6000;

let countdownTimer, noticeTimer, failing = false;

/** Shows a state of the poller. */
export function show(state) {
  const message = TEXTS[state.name](state);
  status.dataset.state = state.name;
  text.textContent = message;
  showCountdown(state.until);
  const failure = !QUIET.includes(state.name);
  if (failure && message !== announcement.textContent) announcement.textContent = message;
  if (state.name === 'waiting' && failing) announcement.textContent = 'Polling again';
  if (state.name !== 'polling') failing = failure;
}

/** Shows a notice for a moment. */
export function notify(message) {
  clearTimeout(noticeTimer);
  notice.textContent = message;
  noticeTimer = setTimeout(() => notice.replaceChildren(), NOTICE_DURATION);
}

function showCountdown(until) {
  clearInterval(countdownTimer);
  countdown.textContent = '';
  if (until === undefined) return;
  const write = () => {
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    countdown.textContent = `next poll in ${seconds} s`;
  };
  write();
  countdownTimer = setInterval(write, 250);
}
