//! A real `nginx` from Debian for tests, as a proxy of a server, with Debian's settings.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
};

use tempfile::TempDir;

use crate::{
    free_port,
    postgres::{as_user, give_to_server_user, unprivileged_user},
    tls::Authority,
    wait::{WAIT_TIMEOUT, retry},
};

/// The error log, in the proxy's folder.
const ERRORS: &str = "errors";

/// A running proxy. It stops when it is dropped, or when the test's process ends.
pub struct Nginx {
    port: u16,
    /// Runs the proxy until the shell's input is closed.
    shell: Child,
    folder: TempDir,
}

impl Nginx {
    /// Starts a proxy.
    ///
    /// `server` is the content of its `server` block. Example:
    /// `location / { proxy_pass http://127.0.0.1:8080; }`.
    #[must_use]
    pub fn start(server: &str) -> Self {
        Self::launch("", server)
    }

    /// Starts a proxy for TLS, with the server certificate of `authority`.
    #[must_use]
    pub fn start_with_tls(authority: &Authority, server: &str) -> Self {
        give_to_server_user(authority.folder());
        give_to_server_user(&authority.server_key());
        let certificate = format!(
            "ssl_certificate {}; ssl_certificate_key {};",
            authority.server_certificate().display(),
            authority.server_key().display()
        );
        Self::launch("ssl", &format!("{certificate}\n{server}"))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn launch(protocol: &str, server: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("acclaim-nginx").tempdir().unwrap();
        let port = free_port();
        let configuration = folder.path().join("nginx.conf");
        fs::write(&configuration, configuration_of(port, protocol, server)).unwrap();
        for path in [folder.path(), &configuration] {
            give_to_server_user(path);
        }
        let mut proxy = Self { port, shell: run(folder.path(), &configuration), folder };
        proxy.wait_until_ready();
        proxy
    }

    fn wait_until_ready(&mut self) {
        retry(WAIT_TIMEOUT, || {
            let connected = TcpStream::connect(("127.0.0.1", self.port));
            if connected.is_err()
                && let Some(status) = self.shell.try_wait().unwrap()
            {
                let errors = fs::read_to_string(self.folder.path().join(ERRORS)).unwrap_or_default();
                panic!("nginx ended during its start ({status}): {errors}");
            }
            connected.map_err(|error| format!("nginx does not listen: {error}"))
        });
    }
}

/// Debian's `nginx.conf`, with all files in the folder in which the proxy runs.
fn configuration_of(port: u16, protocol: &str, server: &str) -> String {
    format!(
        "daemon off;
         worker_processes 1;
         pid nginx.pid;
         error_log {ERRORS};
         events {{ worker_connections 768; }}
         http {{
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             sendfile on;
             tcp_nopush on;
             types_hash_max_size 2048;
             include /etc/nginx/mime.types;
             default_type application/octet-stream;
             access_log off;
             gzip on;
             server {{
                 listen 127.0.0.1:{port} {protocol};
                 {server}
             }}
         }}
"
    )
}

fn run(folder: &Path, configuration: &Path) -> Child {
    // The shell stops the proxy when its input is closed, however this process ends. The shell also
    // ends if the proxy does not start.
    let script = r#""$@" < /dev/null & nginx=$!; (read -r _; kill "$nginx") <&3 & wait "$nginx""#;
    let script = format!("exec 3<&0; {script}");
    let mut command = as_user(unprivileged_user(), Path::new("sh"));
    command.args(["-c", &script, "sh", "nginx", "-e", ERRORS, "-p"]).arg(folder).arg("-c").arg(configuration);
    // Debian installs it in the administrator's folder of programs.
    command.current_dir(folder).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().expect("Debian's package nginx-light is installed")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ended = self.shell.wait();
    }
}
