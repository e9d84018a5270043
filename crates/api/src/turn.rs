//! Fair sending of large bodies: a large body is sent in pieces, and regularly yields to other
//! connections.
//!
//! A turn is the time in which a body sends until it yields.

use std::task::Context;

/// Maximum number of bytes that a body hands to the connection at once.
///
/// A body of at most this size is not counted in a memory budget.
pub(crate) const PIECE: usize = 64 << 10;
/// Number of bytes after which a large body yields to other connections.
///
/// A socket's buffer takes some megabytes. With this limit, hundreds of large bodies cannot fill
/// their buffers before the server handles a ballot.
pub(crate) const TURN: usize = 128 << 10;

/// The number of bytes that a body has sent in its current turn.
#[derive(Default)]
pub(crate) struct Turn(usize);

impl Turn {
    /// Adds bytes that the body sends now to the count.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.0 += bytes;
    }

    /// Returns `true` if the turn is over and the body must yield.
    ///
    /// A new turn then begins, and the task is woken. The body is polled again after other
    /// connections.
    pub(crate) fn should_yield(&mut self, context: &Context<'_>) -> bool {
        if self.0 < TURN {
            return false;
        }
        self.0 = 0;
        context.waker().wake_by_ref();
        true
    }
}
