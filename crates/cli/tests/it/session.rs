//! Runs the real binary in a temporary folder and keeps a transcript of its output.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// Values that differ between runs, as regular expressions with their replacements.
pub(crate) const FILTERS: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
    (r"\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", "+[key]"),
    (r"[A-Za-z0-9+/]{43}=", "[hash]"),
    (r"\b[0-9a-f]{64}\b", "[sha256]"),
    (r"ack_[A-Za-z0-9_-]+", "[staff key]"),
    (r"/tmp/[^ \n]*/\.tmp[A-Za-z0-9]+|/tmp/\.tmp[A-Za-z0-9]+", "[folder]"),
    (r"\(process \d+", "(process [id]"),
];

/// Compares a transcript with its snapshot, after the filters.
macro_rules! assert_transcript {
    ($transcript:expr) => {
        insta::with_settings!({filters => crate::session::FILTERS.to_vec(), omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!($transcript)
        });
    };
}
pub(crate) use assert_transcript;

/// The status and the output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A temporary folder in which commands run, with a transcript.
pub(crate) struct Session {
    folder: TempDir,
    transcript: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), transcript: String::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command without adding it to the transcript.
    pub(crate) fn run(&self, args: &[&str]) -> CommandOutput {
        run_in(self.folder.path(), &[], args)
    }

    /// Runs a command with additional environment variables, without adding it to the transcript.
    pub(crate) fn run_with(&self, environment: &[(&str, &str)], args: &[&str]) -> CommandOutput {
        run_in(self.folder.path(), environment, args)
    }

    /// Runs a command on a terminal with the input `typed`. `out` is the content of the terminal.
    pub(crate) fn on_a_terminal(&self, command: &str, typed: &str) -> CommandOutput {
        let command = format!("{} {command}", env!("CARGO_BIN_EXE_acclaim"));
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--echo", "never", "--command", &command, "/dev/null"])
            .current_dir(self.folder.path())
            .env("ACCLAIM_BALLOTS_DEADLINE_MS", "200")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`script` of util-linux runs");
        script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = script.wait_with_output().unwrap();
        CommandOutput {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command and adds it and its output to the transcript.
    pub(crate) fn type_in(&mut self, args: &[&str]) -> CommandOutput {
        let output = self.run(args);
        let typed: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
        self.transcript.push_str(&format!("$ acclaim {}\n", typed.join(" ")));
        for (text, mark) in [(&output.out, ""), (&output.err, "! ")] {
            for line in text.lines() {
                self.transcript.push_str(format!("{mark}{line}").trim_end());
                self.transcript.push('\n');
            }
        }
        if output.status != 0 {
            self.transcript.push_str(&format!("exit status {}\n", output.status));
        }
        self.transcript.push('\n');
        output
    }

    pub(crate) fn transcript(&self) -> &str {
        self.transcript.trim_end()
    }
}

fn run_in(folder: &Path, environment: &[(&str, &str)], args: &[&str]) -> CommandOutput {
    let output = Command::new(env!("CARGO_BIN_EXE_acclaim"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        // The time for which a closing waits for ballots on their way.
        .env("ACCLAIM_BALLOTS_DEADLINE_MS", "200")
        .env("COLUMNS", "100")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    CommandOutput {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn quoted(arg: &str) -> String {
    if arg.contains([' ', '{', '#']) { format!("'{arg}'") } else { arg.to_owned() }
}
