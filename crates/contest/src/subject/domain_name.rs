//! Domain names in their canonical form.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Returns a domain name as A-labels by UTS 46: non-transitional, STD3, with the length checks.
///
/// `None` for a name with one label, or whose last label is a number.
pub(super) fn ascii_domain(text: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    let (_, last) = ascii.rsplit_once('.')?;
    (!last.bytes().all(|byte| byte.is_ascii_digit())).then(|| ascii.into_owned())
}
