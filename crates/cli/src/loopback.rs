//! Requests to this very machine.

/// Whether a host is this machine, where no proxy leads.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}
