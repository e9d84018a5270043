//! A server process on a data directory.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use acclaim_cli::client::Client;

/// The binary under test.
pub(crate) fn acclaim() -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_acclaim")))
}

/// Sets the environment that all servers under test have.
fn configured(mut command: Command) -> Command {
    command.env_remove("ACCLAIM_KEY").env("ACCLAIM_BALLOTS_DEADLINE_MS", "5000").env("RUST_LOG", "warn");
    command.env("ACCLAIM_LIMITS_ALLOW", r#"["127.0.0.0/8"]"#).env("ACCLAIM_LIMITS_PER_PASS", "100000");
    command
}

/// The binary under test, with limits that a shell sets.
pub(crate) fn limited(limits: &str) -> Command {
    let mut command = configured(Command::new("sh"));
    command.args(["-c", &format!("{limits}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_acclaim")]);
    command
}

/// Checks that a command succeeded. Returns its output.
#[track_caller]
pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

/// An address that no process listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    process: Child,
    /// The first staff key, if this was the first start.
    pub(crate) key: Option<String>,
    /// The lines on standard error before it listened.
    pub(crate) startup_log: String,
}

impl Server {
    /// Starts a server on a directory, and returns when it listens.
    pub(crate) fn start(data: &Path, address: SocketAddr) -> Self {
        Self::run(acclaim(), data, address)
    }

    /// As [`Server::start`], with more environment variables.
    pub(crate) fn start_in(environment: &[(String, String)], data: &Path, address: SocketAddr) -> Self {
        let mut command = acclaim();
        command.envs(environment.iter().cloned());
        Self::run(command, data, address)
    }

    /// As [`Server::start`], with a largest file size: this simulates a disk that fills up.
    pub(crate) fn start_with_files_up_to(bytes: u64, data: &Path, address: SocketAddr) -> Self {
        // The shell counts blocks of 512 bytes. The signal is ignored, so that the write fails with
        // an error.
        Self::run(limited(&format!("trap '' XFSZ; ulimit -f {}", bytes / 512)), data, address)
    }

    /// As [`Server::start`], with a limit of open files.
    pub(crate) fn start_with_descriptors(files: u64, data: &Path, address: SocketAddr) -> Self {
        let mut command = limited(&format!("ulimit -n {files}"));
        command.env("ACCLAIM_LIMITS_ALLOW", "[]");
        Self::run(command, data, address)
    }

    fn run(mut command: Command, data: &Path, address: SocketAddr) -> Self {
        command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(data);
        Self::spawn(command)
    }

    /// Runs a command that serves, and returns when it listens.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let (mut first, mut startup_log) = (false, String::new());
        loop {
            let mut line = String::new();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "the server ended at start: {startup_log}");
            startup_log.push_str(&line);
            first |= line.contains("first staff key");
            if line.contains("listening on") {
                break;
            }
        }
        // The rest is read and discarded, because a full pipe would stop the server.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let mut key = String::new();
        if first {
            BufReader::new(process.stdout.take().unwrap()).read_line(&mut key).unwrap();
        }
        let key = Some(key.trim().to_owned()).filter(|key| !key.is_empty());
        Self { process, key, startup_log }
    }

    /// Suspends the process until it is resumed.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Resumes the process.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success()
        );
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// A client with a staff key.
pub(crate) fn client(address: SocketAddr, key: &str) -> Client {
    Client::of_server(&format!("http://{address}"), Some(key.to_owned())).unwrap()
}
