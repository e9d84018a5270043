//! A real `PgBouncer` from Debian for tests, between clients and a server, in transaction mode.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use sqlx_core::connection::Connection as _;
use sqlx_postgres::PgConnection;
use tempfile::TempDir;

use crate::{
    free_port,
    postgres::{PASSWORD, Server, as_user, give_to_server_user, unprivileged_user},
    wait::{WAIT_TIMEOUT, retry_async},
};

/// A running pooler. It stops when it is dropped, or when the test's process ends.
pub struct PgBouncer {
    port: u16,
    /// Runs the pooler until the shell's input is closed.
    shell: Child,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts a pooler with `connections` server connections for each database.
    ///
    /// It lends a connection for one transaction.
    pub async fn start(server: &Server, connections: u16) -> Self {
        let folder = tempfile::Builder::new().prefix("acclaim-pgbouncer").tempdir().unwrap();
        let port = free_port();
        let users = folder.path().join("users");
        fs::write(&users, format!("\"acclaim\" \"{PASSWORD}\"\n")).unwrap();
        let configuration = folder.path().join("pgbouncer.ini");
        let lines = [
            "[databases]".to_owned(),
            format!("* = host=127.0.0.1 port={}", server.port()),
            "[pgbouncer]".to_owned(),
            "listen_addr = 127.0.0.1".to_owned(),
            format!("listen_port = {port}"),
            "unix_socket_dir =".to_owned(),
            "auth_type = scram-sha-256".to_owned(),
            format!("auth_file = {}", users.display()),
            "pool_mode = transaction".to_owned(),
            format!("default_pool_size = {connections}"),
            "max_client_conn = 200".to_owned(),
        ];
        fs::write(&configuration, lines.join("\n")).unwrap();
        for path in [folder.path(), &users, &configuration] {
            give_to_server_user(path);
        }
        let shell = launch(&configuration, folder.path());
        let pooler = Self { port, shell, _folder: folder };
        pooler.wait_until_ready(server).await;
        pooler
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    async fn wait_until_ready(&self, server: &Server) {
        let url = server.url_by(self.port, "postgres");
        retry_async(WAIT_TIMEOUT, async || match PgConnection::connect(&url).await {
            Ok(connection) => {
                connection.close().await.unwrap();
                Ok(())
            }
            // The pooler refuses a parameter of the driver, so it is running.
            Err(error) if error.as_database_error().is_some() => Ok(()),
            Err(error) => Err(format!("PgBouncer does not answer: {error}")),
        })
        .await;
    }
}

fn launch(configuration: &Path, folder: &Path) -> Child {
    // The shell stops the pooler when its input is closed, however this process ends.
    let script = r#""$@" < /dev/null & read -r _; kill "$!"; wait"#;
    let mut command: Command = as_user(unprivileged_user(), Path::new("sh"));
    command.args(["-c", script, "sh", "pgbouncer", "-q"]).arg(configuration).current_dir(folder);
    // Debian installs it in the administrator's folder of programs.
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("Debian's package pgbouncer is installed")
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ended = self.shell.wait();
    }
}
