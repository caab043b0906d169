//! The loop of a client: send what waits, poll, print, acknowledge, wait.

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{ComposeArgs, explained};
use crate::cli::{CommandResult, print_line, shutdown_signal};
use crate::client::{ClientError, MessagingClient, PollBackoff, ReceivedMessage, render_payload, sanitize};

/// Lines of standard input that may wait to be sent.
const LINES: usize = 64;

#[derive(Debug, Args)]
pub(super) struct Follow {
    /// Take what is there and end; standard input is not read
    #[arg(long)]
    once: bool,
    /// Print messages as JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    letter: ComposeArgs,
}

struct Conversation {
    client: MessagingClient,
    json: bool,
    outbox: VecDeque<Value>,
    printed: Option<i64>,
    acknowledged: Option<i64>,
}

impl Follow {
    pub(super) async fn run(self, client: MessagingClient) -> CommandResult {
        let conversation =
            Conversation { client, json: self.json, outbox: VecDeque::new(), printed: None, acknowledged: None };
        tokio::select! {
            ended = self.converse(conversation) => ended,
            () = shutdown_signal() => Ok(()),
        }
    }

    async fn converse(&self, mut conversation: Conversation) -> CommandResult {
        let (mut pace, mut complaint) = (PollBackoff::default(), String::new());
        let mut lines = (!self.once).then(lines);
        loop {
            let wait = match conversation.turn().await {
                Ok(found) => {
                    complaint.clear();
                    pace.after(found)
                }
                Err(failure) if self.once || !failure.is_retryable() => return Err(explained(&failure)),
                Err(failure) => {
                    complain(&mut complaint, &failure);
                    let wait = pace.after_failure(&failure);
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
                    conversation.queue(&self.letter, text);
                    pace.reset();
                }
            }
            while let Some(Ok(text)) = lines.as_mut().map(mpsc::Receiver::try_recv) {
                conversation.queue(&self.letter, text);
            }
        }
    }
}

impl Conversation {
    /// Seals it once, so that however often it is sent, it is stored once.
    fn queue(&mut self, letter: &ComposeArgs, text: String) {
        self.outbox.push_back(self.client.seal(&letter.with(json!({"text": text}))));
    }

    /// Everything there is to do now; gives how many messages came.
    async fn turn(&mut self) -> Result<usize, ClientError> {
        while let Some(sealed) = self.outbox.front() {
            match self.client.send(sealed).await {
                Err(failure) if failure.is_retryable() || failure.is_unauthorized() => return Err(failure),
                Err(failure) => eprintln!("presence-sidecar: not sent: {failure}"),
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

    /// What was printed, once: an acknowledgement that failed is made up for later.
    async fn acknowledge(&mut self) -> Result<(), ClientError> {
        match self.printed.filter(|printed| self.acknowledged != Some(*printed)) {
            Some(printed) => self.client.acknowledge(printed).await,
            None => Ok(()),
        }?;
        self.acknowledged = self.printed;
        Ok(())
    }
}

/// A message for people: when, whether it comes or goes, what it is about, what it says.
fn line(message: &ReceivedMessage) -> String {
    let said = message.payload.as_ref().map_or_else(|| "(cannot be opened)".to_owned(), render_payload);
    let arrow = if message.own { '>' } else { '<' };
    format!("{} {arrow} {}  {said}", sanitize(&message.created_at), sanitize(&message.r#type))
}

/// Says what is wrong, but not again and again.
fn complain(last: &mut String, failure: &ClientError) {
    let now = failure.to_string();
    if *last != now {
        eprintln!("presence-sidecar: {now}; trying again");
        *last = now;
    }
}

/// The lines of standard input. Its thread ends with the process: a read of a terminal cannot be called off.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES);
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

/// The next line; never, once there are none.
async fn next(lines: &mut Option<mpsc::Receiver<String>>) -> String {
    if let Some(receiver) = lines {
        match receiver.recv().await {
            Some(line) => return line,
            None => *lines = None,
        }
    }
    std::future::pending().await
}
