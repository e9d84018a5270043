//! End-to-end tests: the binary as a process, over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may panic, as tests do"
)]

#[path = "../../../api/tests/router/answer.rs"]
mod answer;
mod backends;
mod bad_input;
#[path = "../../../api/tests/router/booth.rs"]
mod booth;
mod cluster;
mod cluster_servers;
#[path = "../../../api/tests/router/contests.rs"]
mod contests;
#[path = "../../../api/tests/router/described.rs"]
mod described;
mod descriptors;
mod directories;
mod disk;
mod failover;
mod follow;
mod following;
mod forgery;
mod gateway;
mod idle;
mod installations;
mod interrupted_move;
mod jurors;
mod jury;
mod kill;
mod openapi;
mod pass_revocations;
mod proxies;
mod readiness;
mod receipts;
mod recusals;
mod relocation;
mod repair;
mod results;
mod rounds;
#[path = "../../../api/tests/router/samples.rs"]
mod samples;
mod server;
mod sheets;
mod site;
mod staff_keys;
mod suspension;
mod tables;
mod tag_key;
mod tampering;
mod tamperings;
mod third_party;
mod verifiers;
mod verify_py;
mod witnesses;
