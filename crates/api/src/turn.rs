//! Turns of a large body: it is sent in pieces, and yields to other connections.

use std::task::Context;

/// Bytes handed to the connection at once. A body of at most this size is not counted.
pub(crate) const PIECE: usize = 64 << 10;
/// Bytes after which a large body yields to other connections.
///
/// Otherwise hundreds of them would each fill their socket's buffer, some megabytes, before a
/// ballot is handled.
pub(crate) const TURN: usize = 128 << 10;

/// The bytes that a body has sent in its turn.
#[derive(Default)]
pub(crate) struct Turn(usize);

impl Turn {
    /// Counts bytes that are sent now.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.0 += bytes;
    }

    /// Whether the turn is over. The body is then polled again after other connections.
    pub(crate) fn should_yield(&mut self, context: &Context<'_>) -> bool {
        if self.0 < TURN {
            return false;
        }
        self.0 = 0;
        context.waker().wake_by_ref();
        true
    }
}
