//! Contests whose logs are of version 2, and the rules that began with it.

use super::Case;

pub(super) const CASES: &[Case] = &[];
