//! A client of the API: what clients, applications and operators do over HTTP.
//!
//! [`SidecarConnection`] sends requests to a sidecar. A [`MessagingClient`] uses it with its [`SavedCredentials`]: it polls at
//! the intervals of [`PollBackoff`], opens and acknowledges messages, and sends sealed ones. An [`Operator`] lists clients,
//! reads their messages and publishes. A [`PresenceReader`] reads who is present, and why. The encryption is the sidecar's own ([`messaging::seal`](crate::messaging::seal));
//! everything else follows the protocol in `openapi/README.md`.

mod backoff;
mod connection;
mod credentials;
mod event_stream;
mod messaging_client;
mod operator;
mod pinned;
mod presence_reader;
mod responses;
mod text;

pub use self::backoff::PollBackoff;
pub use self::connection::{ClientError, SidecarConnection};
pub use self::credentials::{CredentialsError, SavedCredentials};
pub use self::event_stream::{EventStream, StreamedEvent};
pub use self::messaging_client::{MessagingClient, OutgoingMessage, ReceivedMessage, Registration};
pub use self::operator::{Operator, Publication};
pub use self::presence_reader::{
    PresencePage, PresenceReader, PresentUser, UserChange, UserExplanation, UserReport, UserSession,
};
pub use self::responses::{ClientRow, OpenedMessage};
pub use self::text::{path_segment, render_payload, render_time, sanitize};
