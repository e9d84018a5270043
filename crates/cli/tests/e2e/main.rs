//! The real binary as a process, over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../../../api/tests/router/answer.rs"]
mod answer;
mod bad_input;
#[path = "../../../api/tests/router/booth.rs"]
mod booth;
mod cluster;
#[path = "../../../api/tests/router/contests.rs"]
mod contests;
mod cut_off;
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
mod ground;
mod idle;
mod installations;
mod jurors;
mod jury;
mod kill;
mod moving;
mod openapi;
mod pass_revocations;
mod proxies;
mod readiness;
mod receipts;
mod recusals;
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
