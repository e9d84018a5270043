//! The log of one thread, for tests of spans and messages.

use std::{io, sync::Arc};

use parking_lot::Mutex;
use tracing::{
    Dispatch, Level,
    subscriber::{self, DefaultGuard, NoSubscriber},
};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// Collects what this thread logs, until it is dropped. A span writes a line when it ends.
pub struct CapturedLog {
    lines: Lines,
    _guard: DefaultGuard,
    /// With a single subscriber in the process, `tracing` lets the thread that first reaches a span
    /// decide for all threads whether the span is on. A second one makes it ask all subscribers.
    _second: Dispatch,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// Starts to collect lines and spans of this level and of more important ones.
    #[must_use]
    pub fn start(level: Level) -> Self {
        let second = Dispatch::new(NoSubscriber::new());
        let lines = Lines::default();
        let format = tracing_subscriber::fmt().with_max_level(level).with_span_events(FmtSpan::CLOSE);
        let subscriber = format.with_ansi(false).with_writer(lines.clone()).finish();
        Self { lines, _guard: subscriber::set_default(subscriber), _second: second }
    }

    /// Returns the lines so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.0.lock()).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
