//! The default fingerprint of a client.

use sha2::{Digest, Sha256};

const MACHINE: &str = "/etc/machine-id";

/// The SHA-256 of the machine id and the home folder, which reveals neither: systemd asks programs never to publish the
/// machine id itself.
pub(super) fn of_this_machine() -> Result<String, String> {
    let no_machine = |why: String| format!("{MACHINE}: {why}: set --fingerprint");
    let machine = std::fs::read_to_string(MACHINE).map_err(|error| no_machine(error.to_string()))?;
    if machine.trim().is_empty() {
        return Err(no_machine("it is empty".to_owned()));
    }
    let home = std::env::var_os("HOME").ok_or("HOME is not set: set --fingerprint")?;
    let mut hash = Sha256::new();
    for part in [b"presence-sidecar client".as_slice(), machine.trim().as_bytes(), home.as_encoded_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(hex::encode(hash.finalize()))
}
