//! TLS with the servers' own authority, and a user that has only the rights that the engine needs.

use std::{fs, sync::Arc};

use acclaim_store::{Hub, Intake as _, PublishedCheckpoints as _, hub::Notice, intake::Session};
use acclaim_store_redis::{
    Redis, RedisConnectError, RedisIntake, RedisPublishedCheckpoints, Settings,
    notice_bridge::start_notice_bridge,
};
use acclaim_test_servers::{
    redis::{DURABLE, Server, start_cluster},
    tls::Authority,
};
use acclaim_test_support::conformance;
use redis::Value;

use crate::{
    SystemClock, checkpoint, id,
    notice_bridge::{contests, wait_for_notice},
    open_session, submissions,
};

const PASSWORD: &str = "correct-horse-battery";
/// The rights that a user needs, as `docs/cluster.md` lists them.
const COMMANDS: &str = "+info +time +config|get +eval +evalsha +get +set +unlink +exists +rename \
    +hget +hmget +hset +lpop +rpush +lindex +lrange +ltrim +llen +bitfield +sadd +srem +sismember +publish +subscribe";
/// The further rights that a user needs on a Redis Cluster.
const CLUSTER_COMMANDS: &str = "+ping +cluster|nodes +cluster|slots";

fn allow(server: &Server, user: &str, commands: &[&str]) {
    let rights =
        format!("ACL SETUSER {user} on >{PASSWORD} ~acclaim:1:* &acclaim:1:* -@all {}", commands.join(" "));
    server.run::<String>(&rights.split_whitespace().collect::<Vec<_>>());
}

/// Checks everything that the engine does with Redis.
async fn check_all_uses(redis: &Redis, shards: u16) {
    let intake = RedisIntake::new(redis, [1; 32]);
    conformance::check_intake(&intake, id("access"), shards).await.unwrap();
    let session = Session { contest: id("access-2"), epoch: 3, shards };
    open_session(&intake, &session).await;
    intake.submit(&session, &submissions(0..100)).await.unwrap();
    // Two sessions end with items in their buffers, so that survivors are moved both ways.
    for epoch in 4..6 {
        let next = Session { epoch, ..session.clone() };
        open_session(&intake, &next).await;
        intake.submit(&next, &submissions(0..100)).await.unwrap();
    }
    let checkpoints = RedisPublishedCheckpoints::new(redis, [1; 32]);
    checkpoints.record_before_publish(&session.contest, &checkpoint(1, "one")).await.unwrap();
    assert_eq!(checkpoints.highest(&session.contest).await.unwrap(), Some(checkpoint(1, "one")));
    conformance::check_cosigned(&checkpoints, &session.contest).await.unwrap();
    checkpoints.forget(&session.contest).await.unwrap();
    let ((from, outbox), (to, _)) = (Hub::with_outbox(), Hub::with_outbox());
    let (from, to) = (Arc::new(from), Arc::new(to));
    let mut subscription = to.subscribe();
    let (_, empty_outbox) = Hub::with_outbox();
    let folder = tempfile::tempdir().unwrap();
    let contests = contests(folder.path());
    contests.create_draft(&conformance::definition("photos"), b"tag key").await.unwrap();
    let _sending =
        start_notice_bridge(redis, [1; 32], Arc::clone(&from), outbox, Arc::clone(&contests)).await;
    let _receiving = start_notice_bridge(redis, [1; 32], Arc::clone(&to), empty_outbox, contests).await;
    wait_for_notice(&mut subscription, |notice| matches!(notice, Notice::Missed)).await;
    from.send(Notice::ContestChanged(id("access")));
    wait_for_notice(&mut subscription, |notice| matches!(notice, Notice::ContestChanged(_))).await;
    assert_eq!(intake.status().refuses, None);
}

fn settings(url: String, authority: &Authority) -> Settings {
    Settings { authority: Some(fs::read(authority.certificate()).unwrap()), ..Settings::new(url) }
}

async fn refusal(settings: &Settings) -> RedisConnectError {
    let Err(error) = Redis::connect(settings, Arc::new(SystemClock)).await else { panic!("accepted") };
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn minimal_user_works_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, port) = Server::start_with_tls(folder.path(), &authority);
    allow(&server, "engine", &[COMMANDS]);
    let url = format!("rediss://engine:{PASSWORD}@127.0.0.1:{port}");
    let redis = Redis::connect(&settings(url.clone(), &authority), Arc::new(SystemClock)).await.unwrap();
    check_all_uses(&redis, 2).await;
    assert_rights_are_minimal(std::slice::from_ref(&server), COMMANDS);

    let error = refusal(&settings(url.replace(PASSWORD, "wrong"), &authority)).await;
    assert!(
        error.to_string().contains("WRONGPASS") || error.to_string().contains("authentication"),
        "{error}"
    );
    for settings in [settings(url.clone(), &other), Settings::new(url.clone())] {
        let error = refusal(&settings).await;
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let error = refusal(&settings(format!("redis://127.0.0.1:{port}"), &authority)).await;
    assert!(error.to_string().contains("redis.ca_file"), "{error}");
    assert!(error.to_string().contains("rediss://"), "{error}");
}

/// Checks that no command was denied, and that every right was used.
fn assert_rights_are_minimal(servers: &[Server], commands: &str) {
    for server in servers {
        let denied = format!("{:?}", server.run::<Vec<Value>>(&["ACL", "LOG"]));
        // The driver sends its name and version. It also works if that is denied.
        assert_eq!(denied.matches("object").count(), denied.matches("client|setinfo").count(), "{denied}");
    }
    let used: String = servers.iter().map(|server| server.run::<String>(&["INFO", "commandstats"])).collect();
    for command in commands.split_whitespace() {
        let line = format!("cmdstat_{}:", command.trim_start_matches('+'));
        assert!(used.contains(&line), "{command} is not needed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn minimal_user_works_on_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let servers = start_cluster(folder.path());
    for server in &servers {
        allow(server, "engine", &[COMMANDS, CLUSTER_COMMANDS]);
    }
    let url = |server: &Server| server.url().replace("//", &format!("//engine:{PASSWORD}@"));
    let urls: Vec<String> = servers.iter().map(url).collect();
    let redis = Redis::connect(&Settings::new(urls.join(",")), Arc::new(SystemClock)).await.unwrap();
    check_all_uses(&redis, 5).await;
    assert_rights_are_minimal(&servers, &format!("{COMMANDS} {CLUSTER_COMMANDS}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_settings_count_as_weak() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), DURABLE);
    allow(&server, "managed", &[COMMANDS, "-config|get"]);
    let url = server.url().replace("//", &format!("//managed:{PASSWORD}@"));
    let error = refusal(&Settings::new(&url)).await;
    let RedisConnectError::Weak(weaknesses) = &error else { panic!("{error}") };
    assert_eq!(*weaknesses, ["appendfsync cannot be read"]);
    let allowed = Settings { allow_weak: true, ..Settings::new(url) };
    let redis = Redis::connect(&allowed, Arc::new(SystemClock)).await.unwrap();
    check_all_uses(&redis, 1).await;
    assert_eq!(RedisIntake::new(&redis, [1; 32]).status().weak, ["appendfsync cannot be read"]);
}
