//! The values of all keys in a form that can be compared, but not printed.

use std::collections::BTreeMap;
use std::fmt;

use figment::value::Value;
use sha2::{Digest, Sha256};

use super::{Layers, schema};

/// A digest of the value of each key that has one. It contains no values, so it has no secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyDigests(BTreeMap<String, [u8; 32]>);

impl fmt::Debug for KeyDigests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyDigests").finish_non_exhaustive()
    }
}

impl KeyDigests {
    /// The digests of the merged values. A key of an endpoint is `webhook.endpoints[0].url`.
    pub fn of(layers: &Layers) -> Self {
        let keys = layers.schema().keys().filter(|known| !known.key.contains("[]"));
        let values = keys.filter_map(|known| Some((known.key.clone(), layers.value(&known.key)?)));
        Self(values.flat_map(|(key, value)| members(key, value)).map(|(key, value)| (key, digest(&value))).collect())
    }

    /// The keys whose values differ, in alphabetical order.
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let mut keys: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter(|key| self.0.get(*key) != other.0.get(*key)).cloned().collect()
    }
}

/// The key itself, or the keys of the endpoints in it.
fn members(key: String, value: Value) -> Vec<(String, Value)> {
    if key != schema::ENDPOINTS {
        return vec![(key, value)];
    }
    let items = value.into_array().unwrap_or_default().into_iter().enumerate();
    let tables = items.filter_map(|(index, item)| Some((index, item.into_dict()?)));
    tables
        .flat_map(|(index, table)| {
            let at = format!("{key}[{index}]");
            table.into_iter().map(move |(name, value)| (format!("{at}.{name}"), value)).collect::<Vec<_>>()
        })
        .collect()
}

fn digest(value: &Value) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(value).unwrap_or_default()).into()
}
