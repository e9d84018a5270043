//! TLS with the server's own authority.

use acclaim_store::Contests as _;
use acclaim_store_postgres::{OpenError, PostgresDatabase, Settings};
use acclaim_test_servers::{
    postgres::{PASSWORD, Server},
    tls::Authority,
};

#[tokio::test]
async fn accepts_server_of_named_authority_only() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start_with_tls(&authority).await;
    let name = server.empty_database().await;
    let url = |authority: &Authority| {
        let certificate = authority.certificate();
        format!(
            "{}?sslmode=verify-full&sslrootcert={}",
            server.url_by(server.port(), &name),
            certificate.display()
        )
    };
    PostgresDatabase::migrate(&url(&authority)).await.unwrap();
    let database = PostgresDatabase::connect(&Settings::new(url(&authority))).await.unwrap();
    assert!(database.contests().await.unwrap().is_empty());

    let other_host = url(&authority).replace("127.0.0.1", "127.0.0.2");
    for url in [url(&other), other_host] {
        let error = PostgresDatabase::connect(&Settings::new(url)).await.unwrap_err();
        assert!(matches!(&error, OpenError::Server(why) if why.contains("certificate")), "{error}");
        assert!(!format!("{error} {error:?}").contains(PASSWORD));
    }
}
