//! The sequencer on the embedded stores. Tests set the clock, and make stores fail and stall.

mod certifying;
mod closing;
mod cluster;
mod fault_table;
mod faults;
mod projection;
mod rebuild;
mod rounds;
mod salts;
mod sheets;
mod spans;
mod standby;
mod start;
mod support;
mod suspension;
mod tag_key;
mod texts;
mod upkeep;
mod witnessing;
