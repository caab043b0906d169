//! A stream of Server-Sent Events.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};

use super::connection::{ClientError, SidecarConnection, TIMEOUT};

/// A sidecar sends something every 15 seconds; a stream that is silent for longer is lost.
const SILENCE: Duration = Duration::from_secs(45);

/// The timeout of a stream as a whole: in effect none.
const LASTS: Duration = Duration::from_secs(365 * 86_400);

/// Maximum number of bytes of one event.
const MAX_EVENT: usize = 1024 * 1024;

/// An open stream of events, as the HTML standard (section 9.2.6) describes its lines.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    address: String,
    buffer: Vec<u8>,
}

/// An event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamedEvent {
    /// The position in the stream; `None` if the event has none.
    pub id: Option<String>,
    /// The data: JSON.
    pub data: String,
}

impl EventStream {
    /// Sends a request and returns the stream in its response, which may last for days.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn open(connection: &SidecarConnection, request: RequestBuilder) -> Result<Self, ClientError> {
        let address = connection.address().to_owned();
        // The head must come as soon as that of any other response.
        let response = match tokio::time::timeout(TIMEOUT, request.timeout(LASTS).send()).await {
            Ok(response) => response.map_err(|error| connection.unreachable(&error))?,
            Err(_) => return Err(ClientError::Unreachable { address, cause: "no answer in time".to_owned() }),
        };
        match response.status().is_success() {
            true => Ok(Self { response, address, buffer: Vec::new() }),
            false => Err(connection.refusal(response).await),
        }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] if the stream has ended, or was silent for 45 seconds.
    pub async fn next(&mut self) -> Result<StreamedEvent, ClientError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(parse(&String::from_utf8_lossy(&block)));
            }
            let chunk = match tokio::time::timeout(SILENCE, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Err(self.lost("the stream has ended")),
                Ok(Err(_)) => return Err(self.lost("the connection is lost")),
                Err(_) => return Err(self.lost("nothing came for 45 s")),
            };
            self.buffer.extend_from_slice(&chunk);
            if self.buffer.len() > MAX_EVENT {
                return Err(self.lost("an event has more than 1 MiB"));
            }
        }
    }

    fn lost(&self, cause: &str) -> ClientError {
        ClientError::Unreachable { address: self.address.clone(), cause: cause.to_owned() }
    }
}

/// The fields of a block of lines.
fn parse(block: &str) -> StreamedEvent {
    let mut event = StreamedEvent::default();
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => event.id = Some(value.to_owned()),
            "data" if event.data.is_empty() => event.data = value.to_owned(),
            "data" => event.data = format!("{}\n{value}", event.data),
            _ => {}
        }
    }
    event
}
