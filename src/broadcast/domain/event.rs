//! The events that a change is published as. Pure.

use chrono_tz::Tz;
use serde::Serialize;

use super::channel;
use crate::config::{BroadcastConfig, BroadcastKind};
use crate::presence::domain::Change;
use crate::webhooks::domain::payload;

/// The name of the event, as the PHP package broadcasts it.
pub const EVENT: &str = "presence.updated";

/// The longest channel name that Pusher accepts.
const MAX_CHANNEL: usize = 164;

/// The channels that changes are published on.
#[derive(Clone, Debug)]
pub struct ChannelSet {
    public: Vec<String>,
    user: Option<String>,
    /// The longest name that the server accepts.
    max_name: usize,
}

impl ChannelSet {
    /// The channels of a configuration.
    pub fn new(config: &BroadcastConfig) -> Self {
        let kind = config.server.as_ref().map(|server| server.kind);
        let max_name = if kind == Some(BroadcastKind::Pusher) { MAX_CHANNEL } else { usize::MAX };
        Self { public: config.public_channels.clone(), user: config.user_channel.clone(), max_name }
    }

    /// The public channels.
    pub fn public(&self) -> &[String] {
        &self.public
    }

    /// The items of `change` for a batch: one for each public channel, without meta, and one for the user's private
    /// channel, with meta. If all together are larger than `max_bytes`, no item has a meta.
    ///
    /// A user whose channel name is too long for the server has no private channel.
    pub fn items(&self, change: &Change, zone: Tz, max_bytes: usize) -> Vec<String> {
        let public = text(payload::public_body(change, &change.id, zone));
        let mut items: Vec<String> = self.public.iter().map(|name| item(EVENT, name, &public)).collect();
        let user = self.user.as_ref().map(|pattern| channel::user_channel(pattern, &change.user_id.to_string()));
        if let Some(name) = user.filter(|name| name.len() <= self.max_name) {
            let whole = item(EVENT, &name, &text(payload::body(change, &change.id, zone)));
            let used: usize = items.iter().map(|item| item.len() + 1).sum();
            let fits = used + whole.len() <= max_bytes;
            items.push(if fits { whole } else { item(EVENT, &name, &public) });
        }
        items
    }
}

/// An item of a batch: an event on one channel.
pub fn item(name: &str, channel: &str, data: &str) -> String {
    let item = serde_json::to_string(&Item { name, channel, data });
    item.unwrap_or_else(|error| unreachable!("the keys are strings: {error}"))
}

/// `data` is a text that contains JSON, as the protocol has it.
#[derive(Serialize)]
struct Item<'a> {
    name: &'a str,
    channel: &'a str,
    data: &'a str,
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_else(|error| unreachable!("JSON is UTF-8: {error}"))
}
