//! Progress on standard error: a bar or a line on a terminal, and nothing elsewhere.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The interval at which the line of [`waiting`] is drawn again.
const TICK: Duration = Duration::from_millis(200);

/// Returns a bar that counts to `total` items, for example `passes`.
#[must_use]
pub fn bar(total: u64, items: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target()).with_message(items);
    let template = "{wide_bar} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Returns a line that shows a message and a count to `total`.
#[must_use]
pub fn spinner(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    match ProgressStyle::with_template("{bar:24} {human_pos} of {human_len}  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Returns a line that names what the command waits for, and the time since the wait began.
#[must_use]
pub fn waiting(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target()).with_message(message);
    bar.enable_steady_tick(TICK);
    match ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}
