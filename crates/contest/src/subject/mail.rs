//! Mail addresses. Equal canonical addresses are one mailbox, as far as this is known without its
//! server.

use unicode_normalization::UnicodeNormalization as _;

use super::{DomainTable, SubjectError, characters, domain_name::ascii_domain};

/// The maximum length of the part before the `@` in bytes (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// Reads a subject without a scheme as an address.
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

/// Returns the canonical form of `ama@example.org`, which can also be `Ama <ama@example.org>`.
pub(super) fn address(text: &str, domains: &DomainTable) -> Result<String, SubjectError> {
    let bare = strip_display_name(text)?;
    if let Some(c) = bare.chars().find(|c| !c.is_whitespace() && characters::is_refused_in_subject(*c)) {
        return Err(SubjectError::Invisible(c));
    }
    if bare.contains([',', ';', '\t']) {
        return Err(SubjectError::TableRow);
    }
    if bare.contains(char::is_whitespace) {
        return Err(SubjectError::Space);
    }
    let (local, domain) = bare.rsplit_once('@').ok_or(SubjectError::NoAddress)?;
    if local.contains('@') {
        return Err(SubjectError::SeveralAddresses);
    }
    let rule = domains.rule(&ascii_domain(domain).ok_or(SubjectError::Domain)?);
    let local = normalize_local_part(local);
    check_local(&local)?;
    let mut mailbox = local.as_str();
    if rule.removes_plus {
        mailbox = mailbox.split_once('+').map_or(mailbox, |(mailbox, _tag)| mailbox);
    }
    // NFC is applied again, because separated characters can now be adjacent.
    let mailbox: String = mailbox.chars().filter(|c| !rule.strip.contains(*c)).nfc().collect();
    if mailbox.is_empty() {
        return Err(SubjectError::EmptyLocalPart);
    }
    check_local(&mailbox)?;
    Ok(format!("{mailbox}@{}", rule.domain))
}

/// Returns the address of `Ama <ama@example.org>`.
///
/// The name is dropped. A name that is another address is refused.
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

/// Checks a dot-atom (RFC 5322, 3.2.3), in any script (RFC 6531).
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
    // A percent sign begins an encoded character, which would be a second spelling of it.
    let is_refused =
        |c: &char| matches!(c, '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | '\\' | ']' | '%');
    match local.chars().find(is_refused) {
        Some(c) => Err(SubjectError::LocalCharacter(c)),
        None => Ok(()),
    }
}
