//! Runs the engine as a separate process.

use std::{
    env,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

const POSTGRES_URL: &str = "ACCLAIM_POSTGRES_URL";

/// A process that is killed when dropped, also if the start fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _result = self.0.kill();
        let _result = self.0.wait();
    }
}

/// A running engine.
pub struct Engine {
    binary: PathBuf,
    process: Process,
    /// The address at which it listens.
    pub address: SocketAddr,
    /// The key of the first operator.
    pub key: String,
}

impl Engine {
    /// Starts the engine on a new data directory or on a cluster's servers.
    ///
    /// If the environment or `settings` name a Postgres, the engine uses the servers named there,
    /// and an operator key is created. `settings` are names and values of environment variables.
    ///
    /// # Errors
    /// The binary does not run, or the engine ends at its start. The error has the engine's output.
    pub fn start(binary: &Path, data: &Path, settings: &[(String, String)]) -> Result<Self> {
        let has_postgres = settings.iter().any(|(name, _)| name == POSTGRES_URL);
        let is_cluster = has_postgres || env::var_os(POSTGRES_URL).is_some();
        let cluster_key = if is_cluster { Some(prepare(binary, settings)?) } else { None };
        let process = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("ACCLAIM_LIMITS_ALLOW", r#"["127.0.0.0/8"]"#)
            .env("ACCLAIM_BALLOTS_DEADLINE_MS", "5000")
            .env("RUST_LOG", "warn")
            .envs(settings.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!(
                    "the engine {} does not start: build it with `cargo build --release`",
                    binary.display()
                )
            })?;
        let mut process = Process(process);
        let mut notes = BufReader::new(process.0.stderr.take().context("the engine has no standard error")?);
        let mut output = String::new();
        let address = loop {
            let before = output.len();
            if notes.read_line(&mut output)? == 0 {
                bail!("the engine ended at its start:\n{output}");
            }
            let line = output.get(before..).unwrap_or_default().trim();
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.parse().with_context(|| format!("the engine's address `{address}`"))?;
            }
        };
        // Later output is passed on, because a full pipe stops the engine.
        std::thread::spawn(move || std::io::copy(&mut notes, &mut std::io::stderr()));
        let key = match cluster_key {
            Some(key) => key,
            None => {
                let mut key = String::new();
                BufReader::new(process.0.stdout.take().context("the engine has no standard output")?)
                    .read_line(&mut key)?;
                key.trim().to_owned()
            }
        };
        if key.is_empty() {
            bail!("the engine printed no operator key");
        }
        Ok(Self { binary: binary.to_owned(), process, address, key })
    }

    /// Returns the process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.0.id()
    }

    /// Runs a command of the binary. Returns whether it succeeded, and its standard output.
    ///
    /// # Errors
    /// The command cannot be run.
    pub fn run(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .env("ACCLAIM_KEY", &self.key)
            .stderr(Stdio::inherit())
            .output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// Migrates the cluster's database and creates an operator key.
fn prepare(binary: &Path, settings: &[(String, String)]) -> Result<String> {
    let run = |arguments: &[&str]| -> Result<String> {
        let output = Command::new(binary)
            .args(arguments)
            .envs(settings.iter().cloned())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            bail!("`acclaim {}` failed", arguments.join(" "));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    run(&["migrate"])?;
    run(&["key", "create", "--role", "operator"])
}
