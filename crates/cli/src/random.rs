//! Randomness from the system, for keys and names.

use anyhow::{Result, anyhow};

/// Returns `N` random bytes.
///
/// # Errors
/// If the system gives no random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gave no random bytes: {error}"))?;
    Ok(bytes)
}

/// Returns `N` random bytes as `2 * N` lowercase hexadecimal digits.
///
/// # Errors
/// If the system gives no random bytes.
pub fn hex<const N: usize>() -> Result<String> {
    Ok(bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
