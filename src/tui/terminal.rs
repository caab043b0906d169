//! The terminal: set up at the start, restored at the end.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use ratatui::crossterm::event::KeyEvent;
use tokio::sync::mpsc;

/// Capacity of the event channel.
const EVENT_CAPACITY: usize = 64;

/// The interval at which the thread that reads keys checks whether the view has ended.
const KEY_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What the terminal tells a view.
#[derive(Clone, Copy, Debug)]
pub(super) enum TerminalEvent {
    /// A key was pressed or released.
    Key(KeyEvent),
    /// The size of the terminal has changed.
    Resized,
}

/// The terminal, and the events of a view: those of the terminal, and those that its tasks send.
pub(super) struct Session<E> {
    pub(super) terminal: DefaultTerminal,
    pub(super) events: mpsc::Sender<E>,
    pub(super) inbox: mpsc::Receiver<E>,
}

/// Runs `show` until it ends or `stop` completes.
///
/// # Errors
/// There is no terminal.
pub(super) async fn in_terminal<E: From<TerminalEvent> + Send + 'static>(
    show: impl AsyncFnOnce(Session<E>) -> io::Result<()>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
    let (events, inbox) = mpsc::channel(EVENT_CAPACITY);
    let keys = events.clone();
    std::thread::spawn(move || read_keys(&keys));
    let result = tokio::select! {
        result = show(Session { terminal, events, inbox }) => result,
        () = stop => Ok(()),
    };
    ratatui::restore();
    result
}

fn read_keys<E: From<TerminalEvent>>(events: &mpsc::Sender<E>) {
    while !events.is_closed() {
        let event = match event::poll(KEY_POLL_INTERVAL) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let event = match event {
            Ok(event::Event::Key(key)) => TerminalEvent::Key(key),
            Ok(event::Event::Resize(..)) => TerminalEvent::Resized,
            Ok(_) => continue,
            // The terminal was closed.
            Err(_) => return,
        };
        if events.blocking_send(event.into()).is_err() {
            return;
        }
    }
}
