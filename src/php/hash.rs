//! Laravel's `Hash` with its bcrypt driver.

/// The cost that costs nothing to speak of: for secrets of 256 random bits, which nobody can guess.
pub const MIN_COST: u32 = 4;

/// What `Hash::check($plain, $hash)` answers. Laravel takes hashes of `$2y$` alone, although PHP would verify others;
/// where it throws, since the hash is none, this is `false`. It takes as long as the hash's cost says.
pub fn check(plain: &str, hash: &str) -> bool {
    is_bcrypt(hash) && !plain.contains('\0') && bcrypt::verify(plain, hash).unwrap_or(false)
}

/// What `Hash::make($plain, ['rounds' => $cost])` stores; another text each time.
///
/// # Errors
/// The cost is not from 4 to 31, or the plaintext has a null byte in it.
pub fn make(plain: &str, cost: u32) -> Result<String, bcrypt::BcryptError> {
    if plain.contains('\0') {
        return Err(bcrypt::BcryptError::InvalidHash("the plaintext has a null byte"));
    }
    bcrypt::hash_with_result(plain, cost).map(|parts| parts.format_for_version(bcrypt::Version::TwoY))
}

/// Whether `password_get_info` calls it bcrypt.
fn is_bcrypt(hash: &str) -> bool {
    hash.len() == 60 && hash.starts_with("$2y$")
}
