//! The key of a presence record in an application's cache.
//!
//! Physical key = Redis prefix + cache prefix + logical key. The logical key is
//! `presence|tenant|loc:location|dom:domain|guard:guard|user:id` after `Str::snake`, as
//! aesircloud/laravel-presence builds it.

mod prefix;
mod scope;
mod slug;
mod snake;

pub use self::prefix::{ParseVersionError, Version, default_cache_prefix, default_redis_prefix, store_prefix};
pub use self::scope::{Scalar, ScopeParts, logical_key, push_user, scope_key};
pub use self::slug::{drops_letters, slug};
pub use self::snake::{snake, snake_part};
