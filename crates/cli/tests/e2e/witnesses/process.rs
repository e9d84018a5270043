//! `acclaim witness` as a process.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use acclaim_ballot_log::{AddCheckpoint, VerifierKey, WitnessKey};

use crate::server::acclaim;

/// See the [module](self). It is killed when dropped.
pub(crate) struct Process {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: WitnessKey,
    state: PathBuf,
    errors: Arc<Mutex<String>>,
}

/// The command for one log.
pub(crate) fn command(state: &Path, address: SocketAddr, name: &str, log: &VerifierKey) -> Command {
    command_of(state, address, name, &log.to_string())
}

fn command_of(state: &Path, address: SocketAddr, name: &str, log: &str) -> Command {
    let mut command = acclaim();
    command.args(["witness", "--listen", &address.to_string(), "--name", name, "--log", log]);
    command.arg("--state").arg(state);
    command
}

impl Process {
    /// Starts the witness, and returns when it listens.
    pub(crate) fn start(state: &Path, address: SocketAddr, name: &str, log: &VerifierKey) -> Self {
        Self::start_of(state, address, name, &log.to_string())
    }

    /// As [`Process::start`], for a log in the form of the option.
    pub(crate) fn start_of(state: &Path, address: SocketAddr, name: &str, log: &str) -> Self {
        let mut process = command_of(state, address, name, log)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = Arc::new(Mutex::new(String::new()));
        let (stderr, lines) = (process.stderr.take().unwrap(), Arc::clone(&errors));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut lines = lines.lock().unwrap();
                lines.push_str(&line);
                lines.push('\n');
            }
        });
        let mut key = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut key).unwrap();
        let key = key.trim().parse().unwrap_or_else(|error| panic!("{error}: {}", errors.lock().unwrap()));
        Self { process, address, key, state: state.to_owned(), errors }
    }

    /// Whether its standard error has this text.
    pub(crate) fn has_logged(&self, words: &str) -> bool {
        self.errors.lock().unwrap().contains(words)
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Sends a body. Returns status, content type and body of the answer, or `None` if the
    /// connection broke.
    pub(crate) fn post(&self, body: &[u8]) -> Option<(u16, String, String)> {
        post(self.address, body)
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

pub(crate) fn post(address: SocketAddr, body: &[u8]) -> Option<(u16, String, String)> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let mut answer = agent.post(format!("http://{address}/add-checkpoint")).send(body).ok()?;
    let content_type = answer.headers().get("content-type")?.to_str().ok()?.to_owned();
    let text = answer.body_mut().read_to_string().ok()?;
    Some((answer.status().as_u16(), content_type, text))
}

/// Submits a request as a log does.
pub(crate) fn submit(address: SocketAddr, request: &AddCheckpoint) -> Option<(u16, String, String)> {
    post(address, request.to_string().as_bytes())
}
