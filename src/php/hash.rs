//! `password_hash` and `password_verify` with bcrypt, with the rules of Laravel's `Hash`.

/// The lowest bcrypt cost; enough for secrets of 256 random bits.
pub const MIN_COST: u32 = 4;

/// `Hash::check($plain, $hash)`. Laravel accepts only `$2y$` hashes, although PHP verifies others. Returns `false` where
/// Laravel throws because the hash is not a bcrypt hash. The run time depends on the cost of the hash.
pub fn check(plain: &str, hash: &str) -> bool {
    is_bcrypt(hash) && !plain.contains('\0') && bcrypt::verify(plain, hash).unwrap_or(false)
}

/// `Hash::make($plain, ['rounds' => $cost])`: a hash with a random salt.
///
/// # Errors
/// The cost is not from 4 to 31, or the plaintext contains a null byte.
pub fn make(plain: &str, cost: u32) -> Result<String, bcrypt::BcryptError> {
    if plain.contains('\0') {
        return Err(bcrypt::BcryptError::InvalidHash("the plaintext contains a null byte"));
    }
    bcrypt::hash_with_result(plain, cost).map(|parts| parts.format_for_version(bcrypt::Version::TwoY))
}

/// Whether `password_get_info` reports bcrypt.
fn is_bcrypt(hash: &str) -> bool {
    hash.len() == 60 && hash.starts_with("$2y$")
}
