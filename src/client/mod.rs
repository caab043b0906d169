//! The other side of [`messaging`](crate::messaging): what clients, applications and operators do, over HTTP.
//!
//! [`SidecarConnection`] carries calls to a sidecar. A [`MessagingClient`] stands on it with its [`SavedCredentials`]: it polls at a [`PollBackoff`],
//! opens what it gets, acknowledges, and sends what it has sealed. An [`Operator`] looks on and publishes. The sealing is
//! the sidecar's own ([`messaging::seal`](crate::messaging::seal)); everything else is as the README describes it for others.

mod answers;
mod client;
mod connection;
mod credentials;
mod operator;
mod pace;
mod text;

pub use self::answers::{ClientRow, OpenedMessage};
pub use self::client::{MessagingClient, Outgoing, Received, Registration};
pub use self::connection::{ClientError, SidecarConnection};
pub use self::credentials::{CredentialsError, SavedCredentials};
pub use self::operator::{Operator, Publication};
pub use self::pace::PollBackoff;
pub use self::text::{render_payload, sanitize};
