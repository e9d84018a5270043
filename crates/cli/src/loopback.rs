//! The names of this machine, for requests that need no proxy.

/// Whether a host is this machine, which is never reached through a proxy.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}
