//! Methods of admission: how a person got the pass.

use std::fmt;

/// The method by which a person was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdmissionMethod {
    /// The organiser issued the pass, with a list or one by one.
    Pass,
    /// A printed code.
    Code,
    /// A mail to the person's address.
    Email,
    /// A message to the person's telephone.
    Sms,
    /// An account at another service (OpenID Connect).
    Oidc,
    /// A solved challenge, open to everybody.
    Open,
}

/// Each method with its byte in passes and its word in logs, counts and definitions.
const METHODS: [(AdmissionMethod, u8, &str); 6] = [
    (AdmissionMethod::Pass, 1, "pass"),
    (AdmissionMethod::Code, 2, "code"),
    (AdmissionMethod::Email, 3, "email"),
    (AdmissionMethod::Sms, 4, "sms"),
    (AdmissionMethod::Oidc, 5, "oidc"),
    (AdmissionMethod::Open, 6, "open"),
];

impl AdmissionMethod {
    /// Returns the word of the method in logs, counts and definitions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        METHODS.iter().find(|(method, ..)| *method == self).map_or("", |(.., word)| word)
    }

    pub(super) fn byte(self) -> u8 {
        METHODS.iter().find(|(method, ..)| *method == self).map_or(0, |(_, byte, _)| *byte)
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        METHODS.iter().find(|(_, known, _)| *known == byte).map(|(method, ..)| *method)
    }
}

impl fmt::Display for AdmissionMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
