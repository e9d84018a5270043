//! Progress on standard error: a bar on a terminal, nothing elsewhere.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line that waits is drawn.
const TICK: Duration = Duration::from_millis(200);

/// A bar towards `total` of something, such as `passes`.
#[must_use]
pub fn bar(total: u64, of_what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target()).with_message(of_what);
    let template = "{wide_bar} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A line that says what goes on and how far it is.
#[must_use]
pub fn spinner(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    match ProgressStyle::with_template("{bar:24} {human_pos} of {human_len}  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A line that says what is waited for, and for how long already.
#[must_use]
pub fn waiting(for_what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target()).with_message(for_what);
    bar.enable_steady_tick(TICK);
    match ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}
