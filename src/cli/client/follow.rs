//! The loop of a client: send queued messages, poll, print, acknowledge, wait.

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::compose::{ComposeArgs, explain};
use crate::cli::output::{print_error, print_line};
use crate::cli::run::{CommandResult, shutdown_signal};
use crate::client::{ClientError, MessagingClient, PollBackoff, ReceivedMessage, render_payload, sanitize};

/// Lines of standard input that may wait to be sent.
const LINE_BUFFER: usize = 64;

#[derive(Debug, Args)]
pub(super) struct Follow {
    /// Receive the waiting messages and exit; standard input is not read
    #[arg(long)]
    pub(super) once: bool,
    #[command(flatten)]
    pub(super) compose: ComposeArgs,
}

struct Conversation {
    client: MessagingClient,
    json: bool,
    outbox: VecDeque<Value>,
    printed: Option<i64>,
    acknowledged: Option<i64>,
}

impl Follow {
    pub(super) async fn run(self, client: MessagingClient, json: bool) -> CommandResult {
        let conversation = Conversation { client, json, outbox: VecDeque::new(), printed: None, acknowledged: None };
        tokio::select! {
            result = self.converse(conversation) => result,
            () = shutdown_signal() => Ok(()),
        }
    }

    async fn converse(&self, mut conversation: Conversation) -> CommandResult {
        let (mut backoff, mut last_error) = (PollBackoff::default(), String::new());
        let mut lines = (!self.once).then(lines);
        loop {
            let wait = match conversation.sync().await {
                Ok(found) => {
                    last_error.clear();
                    backoff.after(found)
                }
                Err(failure) if self.once || !failure.is_retryable() => return Err(explain(&failure)),
                Err(failure) => {
                    print_new_error(&mut last_error, &failure);
                    let wait = backoff.after_failure(&failure);
                    if failure.retry_after().is_some() {
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                    wait
                }
            };
            if self.once && wait > Duration::ZERO {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                text = next(&mut lines) => {
                    conversation.queue(&self.compose, text);
                    backoff.reset();
                }
            }
            while let Some(Ok(text)) = lines.as_mut().map(mpsc::Receiver::try_recv) {
                conversation.queue(&self.compose, text);
            }
        }
    }
}

impl Conversation {
    /// Encrypts a message and queues it; a retry sends the same ciphertext, which the sidecar stores once.
    fn queue(&mut self, compose: &ComposeArgs, text: String) {
        self.outbox.push_back(self.client.seal(&compose.with(json!({"text": text}))));
    }

    /// Sends, polls and acknowledges once; returns the number of received messages.
    async fn sync(&mut self) -> Result<usize, ClientError> {
        while let Some(sealed) = self.outbox.front() {
            match self.client.send(sealed).await {
                Err(failure) if failure.is_retryable() || failure.is_unauthorized() => return Err(failure),
                Err(failure) => print_error(&format!("presence-sidecar: not sent: {failure}")),
                Ok(()) => {}
            }
            self.outbox.pop_front();
        }
        self.acknowledge().await?;
        let received = self.client.poll(self.printed).await?;
        for message in &received {
            print_line(&if self.json { json!(message).to_string() } else { line(message) });
            self.printed = Some(message.id);
        }
        self.acknowledge().await?;
        Ok(received.len())
    }

    /// Acknowledges the printed messages; a failed acknowledgement is repeated by the next call.
    async fn acknowledge(&mut self) -> Result<(), ClientError> {
        match self.printed.filter(|printed| self.acknowledged != Some(*printed)) {
            Some(printed) => self.client.acknowledge(printed).await,
            None => Ok(()),
        }?;
        self.acknowledged = self.printed;
        Ok(())
    }
}

/// A message as one line: time, direction, type, the client that sent it unless it is this one or the application, payload.
fn line(message: &ReceivedMessage) -> String {
    let said = message.payload.as_ref().map_or_else(|| "(cannot be decrypted)".to_owned(), render_payload);
    let arrow = if message.own { '>' } else { '<' };
    let sender = message.from_client_id.as_deref().filter(|_| !message.own);
    let sender = sender.map(|id| format!(" from {}", sanitize(id))).unwrap_or_default();
    format!("{} {arrow} {}{sender}  {said}", sanitize(&message.created_at), sanitize(&message.r#type))
}

/// Prints an error, unless it is the last one again.
fn print_new_error(last: &mut String, failure: &ClientError) {
    let now = failure.to_string();
    if *last != now {
        print_error(&format!("presence-sidecar: {now}; retrying"));
        *last = now;
    }
}

/// The lines of standard input. The thread ends with the process, because a read from a terminal cannot be cancelled.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINE_BUFFER);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty());
        for line in lines {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next line; pending forever after the last one.
async fn next(lines: &mut Option<mpsc::Receiver<String>>) -> String {
    if let Some(receiver) = lines {
        match receiver.recv().await {
            Some(line) => return line,
            None => *lines = None,
        }
    }
    std::future::pending().await
}
