//! The tally against the published log, and the properties that hold of every log.

mod properties;
mod support;
mod vector;
