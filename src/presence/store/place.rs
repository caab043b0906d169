//! Where the data of users is.

/// The servers that the data of a user is on. Users of one place share them, and their fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserPlace {
    /// A number that stands for the server of the state.
    pub state: u32,
    /// A number that stands for the server of the Laravel record.
    pub record: u32,
}
