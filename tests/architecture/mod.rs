//! The shape of the source: which module may import which, no import circles, one definition per type name, sizes.

mod arrows;
mod dependencies;
mod names;
mod sizes;
mod source;
