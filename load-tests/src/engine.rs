//! The engine as a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// A running server; killed when dropped.
pub(crate) struct Engine {
    binary: PathBuf,
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl Engine {
    /// Starts on a new data directory.
    pub(crate) fn start(binary: &Path, data: &Path) -> Result<Self> {
        let mut process = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("ACCLAIM_LIMITS_ALLOW", r#"["127.0.0.0/8"]"#)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!("the engine {}: build it with `cargo build --release`", binary.display())
            })?;
        let mut notes = BufReader::new(process.stderr.take().context("standard error")?);
        let address = loop {
            let mut line = String::new();
            if notes.read_line(&mut line)? == 0 {
                bail!("the engine ended at start");
            }
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                break address.parse()?;
            }
        };
        std::thread::spawn(move || std::io::copy(&mut notes, &mut std::io::stderr()));
        let mut key = String::new();
        BufReader::new(process.stdout.take().context("standard output")?).read_line(&mut key)?;
        Ok(Self { binary: binary.to_owned(), process, address, key: key.trim().to_owned() })
    }

    /// Runs a command of the binary; its standard output, and whether the answer was yes.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .env("ACCLAIM_KEY", &self.key)
            .stderr(Stdio::inherit())
            .output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
