//! Bad input that needs a real connection, or the intake of a cluster.
//!
//! All other bad input is tested with the router (`acclaim-api`, `router/bad_input.rs`).

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use crate::{
    booth::{VotedContest, check_conflicting_ballots},
    site::{Site, ballot},
};

const CAST: &str = "/v1/contests/main/ballots";

/// The part of the body that arrives is a complete ballot.
#[test]
fn a_connection_that_ends_before_its_body_does_casts_nothing() {
    let site = Site::start();
    let booth = VotedContest::open(&site);
    let good = ballot(&["b1"]).to_string();
    let mut connection = TcpStream::connect(booth.site.address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = good.len() + 1;
    write!(
        connection,
        "POST {CAST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{good}",
        booth.voter
    )
    .unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _broken = connection.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    booth.unchanged();
    let answer = site.cast("main", &booth.voter, &ballot(&["b1"]));
    assert_eq!(answer.status, 201, "{answer:?}");
    booth.log_has(&[&booth.first["ballot"], &answer.body["ballot"]]);
}

/// In a cluster Redis reports the taken slots.
#[test]
fn explains_refused_ballots_in_cluster() {
    check_conflicting_ballots(&Site::start_clustered());
}
