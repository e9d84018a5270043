//! Mail addresses. What is equal here is one mailbox, as far as one can tell without asking its server.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

use super::{DomainTable, SubjectError, characters};

/// Bytes of the part before the `@` (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// What has no scheme, if it is an address.
pub(super) fn bare_address(text: &str, domains: &DomainTable) -> Result<String, SubjectError> {
    if text.contains('@') {
        return address(text, domains);
    }
    if text.contains([',', ';', '\t']) {
        return Err(SubjectError::TableRow);
    }
    match text.split_once(':') {
        Some((word, rest)) if is_word(word) && !rest.starts_with(char::is_whitespace) => {
            Err(SubjectError::UnknownScheme(word.to_owned()))
        }
        _ => Err(SubjectError::NoAddress),
    }
}

fn is_word(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The canonical form of `ama@example.org`, also as `Ama <ama@example.org>`.
pub(super) fn address(text: &str, domains: &DomainTable) -> Result<String, SubjectError> {
    let written = strip_display_name(text)?;
    if let Some(c) = written.chars().find(|c| !c.is_whitespace() && characters::is_refused_in_subject(*c)) {
        return Err(SubjectError::Invisible(c));
    }
    if written.contains([',', ';', '\t']) {
        return Err(SubjectError::TableRow);
    }
    if written.contains(char::is_whitespace) {
        return Err(SubjectError::Space);
    }
    let (local, domain) = written.rsplit_once('@').ok_or(SubjectError::NoAddress)?;
    if local.contains('@') {
        return Err(SubjectError::SeveralAddresses);
    }
    let rule = domains.rule(&ascii_domain(domain).ok_or(SubjectError::Domain)?);
    let local = normalize_local_part(local);
    check_local(&local)?;
    let mut own = local.as_str();
    if rule.removes_plus {
        own = own.split_once('+').map_or(own, |(own, _tag)| own);
    }
    // Once more to NFC: what was apart can stand together now.
    let own: String = own.chars().filter(|c| !rule.strip.contains(*c)).nfc().collect();
    if own.is_empty() {
        return Err(SubjectError::EmptyLocalPart);
    }
    check_local(&own)?;
    Ok(format!("{own}@{}", rule.domain))
}

/// The address of `Ama <ama@example.org>`. The name is dropped, unless it is another address.
fn strip_display_name(text: &str) -> Result<&str, SubjectError> {
    let Some((name, rest)) = text.rsplit_once('<') else { return Ok(text) };
    let address = rest.strip_suffix('>').ok_or(SubjectError::LocalCharacter('<'))?;
    if name.contains('@') {
        return Err(SubjectError::SeveralAddresses);
    }
    let address = characters::trimmed(address);
    let scheme = address.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    Ok(scheme.and_then(|scheme| address.get(scheme.len()..)).unwrap_or(address))
}

fn normalize_local_part(local: &str) -> String {
    local.to_lowercase().nfc().collect()
}

/// An atom with dots (RFC 5322, 3.2.3), in any script (RFC 6531).
fn check_local(local: &str) -> Result<(), SubjectError> {
    if local.is_empty() {
        return Err(SubjectError::Local("nothing"));
    }
    if local.len() > MAX_LOCAL {
        return Err(SubjectError::Local("more than 64 bytes"));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(SubjectError::Local("a dot at the beginning or end, or two in a row,"));
    }
    // A percent sign begins a character in code, which would be a second spelling of it.
    let is_refused =
        |c: &char| matches!(c, '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | '\\' | ']' | '%');
    match local.chars().find(is_refused) {
        Some(c) => Err(SubjectError::LocalCharacter(c)),
        None => Ok(()),
    }
}

/// A domain name as A-labels, by UTS 46: non-transitional, STD3, with the length checks. A name of one label, or whose last one is a number, is none.
pub(super) fn ascii_domain(text: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    let (_, last) = ascii.rsplit_once('.')?;
    (!last.bytes().all(|byte| byte.is_ascii_digit())).then(|| ascii.into_owned())
}
