//! Ways of admission: how a person got the pass.

use std::fmt;

/// How a person was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdmissionMethod {
    /// By the organiser, with a list or one by one.
    Pass,
    /// By a printed code.
    Code,
    /// By a mail to the person's address.
    Email,
    /// By a message to the person's telephone.
    Sms,
    /// By an account elsewhere (OpenID Connect).
    Oidc,
    /// By solving a challenge: anyone.
    Open,
}

/// Every way with its byte in passes and its word in logs, counts and definitions.
const METHODS: [(AdmissionMethod, u8, &str); 6] = [
    (AdmissionMethod::Pass, 1, "pass"),
    (AdmissionMethod::Code, 2, "code"),
    (AdmissionMethod::Email, 3, "email"),
    (AdmissionMethod::Sms, 4, "sms"),
    (AdmissionMethod::Oidc, 5, "oidc"),
    (AdmissionMethod::Open, 6, "open"),
];

impl AdmissionMethod {
    /// The word in logs, counts and definitions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        METHODS.iter().find(|(way, ..)| *way == self).map_or("", |(.., word)| word)
    }

    pub(super) fn byte(self) -> u8 {
        METHODS.iter().find(|(way, ..)| *way == self).map_or(0, |(_, byte, _)| *byte)
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        METHODS.iter().find(|(_, known, _)| *known == byte).map(|(way, ..)| *way)
    }
}

impl fmt::Display for AdmissionMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
