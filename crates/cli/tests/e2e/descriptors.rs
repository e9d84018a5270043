//! The limit of open files, and the descriptors that are reserved for the stores.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{
    net::{TcpSocket, TcpStream},
    runtime::Runtime,
};

use crate::{
    server::{Server, limited},
    site::{Site, ballot},
};

#[test]
fn connections_do_not_use_up_the_descriptors_of_the_stores() {
    let site = Site::start_by(|data, address| Server::start_with_descriptors(400, data, address));
    assert!(
        site.startup_log().contains("connections=") && site.startup_log().contains("LimitNOFILE"),
        "{}",
        site.startup_log()
    );
    site.create_open("main", "2021-01-01T00:00:00Z", &json!({}));
    // These are more connections than descriptors, from three networks.
    let runtime = Runtime::new().unwrap();
    let _idle: Vec<TcpStream> = runtime.block_on(async {
        let mut idle = Vec::new();
        for network in 1..=3 {
            for _ in 0..150 {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(SocketAddr::from(([127, 0, network, 1], 0))).unwrap();
                idle.push(socket.connect(site.address).await.unwrap());
            }
        }
        idle
    });
    for voter in 0..20 {
        let pass = site.pass("main", &format!("voter-{voter}"));
        assert_eq!(site.cast("main", &pass, &ballot(&["a1"])).status, 201);
    }
    let ready = site.send("GET", "/readyz", &[], b"");
    assert_eq!(ready.status, 200, "{ready:?}");
}

#[test]
fn connections_that_do_not_fit_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = limited("ulimit -n 400");
    command.env("ACCLAIM_SERVER_CONNECTIONS", "1000").arg("serve").arg("--data").arg(folder.path());
    let refused = command.output().unwrap();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("`server.connections` is 1000") && stderr.contains("LimitNOFILE=1144"),
        "{stderr}"
    );
}
